package options

import (
	"time"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/upkeep"
	"github.com/spf13/pflag"
)

// Sweep say how soon contents are removed that a crash left behind.
type Sweep struct{ Interval, Age time.Duration }

// AddFlags adds the flags to fs.
func (o *Sweep) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Upkeep")()
	fs.DurationVar(&o.Interval, "sweep-interval", upkeep.DefaultSweepInterval, "how often to look for contents that a crash left behind in an erasure or a removal")
	fs.DurationVar(&o.Age, "sweep-age", upkeep.DefaultSweepAge, "how old such a content must be to be removed")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Sweep) Validate() error {
	if o.Interval < time.Second {
		return cli.FlagErrorf("sweep-interval", "must be at least 1s, is %s", o.Interval)
	}
	if o.Age < time.Second {
		return cli.FlagErrorf("sweep-age", "must be at least 1s, is %s", o.Age)
	}
	return nil
}
