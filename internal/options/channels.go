package options

import (
	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/reach/channels"
)

// Channels say on which channels users are told of what they have not looked at.
type Channels struct{ Path string }

// AddFlags adds the flags to fs.
func (o *Channels) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Rules")()
	fs.StringVar(&o.Path, "channels", "", "channels `file`: on which channels users are told of what they have not looked at, and when; the same for all")
}

// Validate returns nil: the file is checked when it is loaded.
func (o *Channels) Validate() error { return nil }

// Refusal is the error of Load for the command line: a file that cannot be read is
// a mistake of the call, channels with problems are not.
func (o *Channels) Refusal(err error) error { return refusal("channels", err) }

// Load reads the channels. It may be called again for a file that has changed.
func (o *Channels) Load() (*reach.Policy, error) { return channels.Load(o.Path) }
