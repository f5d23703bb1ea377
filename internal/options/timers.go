package options

import (
	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/timers"
)

// Timers are how fast rows are written again whose times have come.
type Timers struct{ Rate int }

// maxTimerRate is more than any processor does.
const maxTimerRate = 1_000_000

// AddFlags adds the flags to fs.
func (o *Timers) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Processors")()
	fs.IntVar(&o.Rate, "timer-rate", timers.DefaultRate, "rows a second that a process has written again as their times come, at the most; they are shown at their times in any case")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Timers) Validate() error {
	return cli.InRange("timer-rate", o.Rate, 1, maxTimerRate)
}
