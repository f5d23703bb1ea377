package options

import (
	"strings"

	"github.com/spf13/pflag"
)

// KafkaArgs are the flags of a command, wherever they were set, that say how to
// reach Kafka.
func KafkaArgs(fs *pflag.FlagSet) []string {
	known := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&Kafka{}).AddFlags(known)
	var args []string
	known.VisitAll(func(f *pflag.Flag) {
		set := fs.Lookup(f.Name)
		if f.Name == "prefix" || !set.Changed {
			return
		}
		value := set.Value.String()
		if list, ok := set.Value.(pflag.SliceValue); ok {
			value = strings.Join(list.GetSlice(), ",")
		}
		args = append(args, "--"+f.Name+"="+value)
	})
	return args
}
