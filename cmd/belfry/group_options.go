package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// groupOptions say which processors a process runs.
type groupOptions struct{ names []string }

func (o *groupOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&o.names, "groups", allGroups(), "processors to run, a `list` of "+strings.Join(allGroups(), ", "))
}

func (o *groupOptions) validate() error {
	if len(o.names) == 0 {
		return flagErrorf("groups", "name at least one of %s", strings.Join(allGroups(), ", "))
	}
	for i := range o.names {
		o.names[i] = strings.TrimSpace(o.names[i])
		name := o.names[i]
		if !slices.Contains(allGroups(), name) {
			return flagErrorf("groups", "must be of %s, not %.80q", strings.Join(allGroups(), ", "), name)
		}
		if slices.Contains(o.names[:i], name) {
			return flagErrorf("groups", "%s is named twice", name)
		}
	}
	return nil
}
