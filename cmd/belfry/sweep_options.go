package main

import (
	"time"

	"github.com/belfry/belfry/upkeep"
	"github.com/spf13/pflag"
)

// sweepOptions say how soon contents are removed that a crash left behind.
type sweepOptions struct{ interval, age time.Duration }

func (o *sweepOptions) addFlags(fs *pflag.FlagSet) {
	fs.DurationVar(&o.interval, "sweep-interval", upkeep.DefaultSweepInterval, "how often to look for contents that a crash left behind in an erasure or a removal")
	fs.DurationVar(&o.age, "sweep-age", upkeep.DefaultSweepAge, "how old such a content must be to be removed")
}

func (o *sweepOptions) validate() error {
	if o.interval < time.Second {
		return flagErrorf("sweep-interval", "must be at least 1s, is %s", o.interval)
	}
	if o.age < time.Second {
		return flagErrorf("sweep-age", "must be at least 1s, is %s", o.age)
	}
	return nil
}
