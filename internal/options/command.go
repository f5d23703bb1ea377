package options

import (
	"errors"
	"log/slog"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
)

// Group is one group of flags.
type Group interface {
	// AddFlags adds the flags to fs.
	AddFlags(fs *pflag.FlagSet)
	// Validate checks what was given; the error is a usage error that names the flag.
	Validate() error
}

// Command gives c the flags of groups, and after them those of a log on stderr. Before c
// runs all groups are validated, so that one call tells of all mistakes.
func Command(p *cli.Program, c *cobra.Command, groups []Group, run func(cmd *cobra.Command, args []string, log *slog.Logger) error) *cobra.Command {
	for _, g := range groups {
		g.AddFlags(c.Flags())
	}
	var log Log
	log.AddFlags(c.Flags())
	c.RunE = func(cmd *cobra.Command, args []string) error {
		var wrong error
		for _, g := range groups {
			wrong = errors.Join(wrong, g.Validate())
		}
		if wrong != nil {
			return wrong
		}
		return run(cmd, args, log.Logger(p.Stderr))
	}
	return c
}
