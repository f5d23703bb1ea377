package options

import (
	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/timers"
)

// Broadcast says how fast those are looked at whom a notice to many concerns.
type Broadcast struct {
	// Wakes is how many a second: of a server's streams, and of a processor's users who can
	// be reached outside of the inbox.
	Wakes int
}

// maxWakes is more than any process does.
const maxWakes = 10_000_000

// AddFlags adds the flags to fs.
func (o *Broadcast) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Limits")()
	fs.IntVar(&o.Wakes, "broadcast-wakes", timers.DefaultWakes, "streams, and users with endpoints, that a process looks at in a second for a notice to many, at the most; what is for one user goes first")
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *Broadcast) Validate() error {
	return cli.InRange("broadcast-wakes", o.Wakes, 1, maxWakes)
}
