package cli

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
)

// OneArgument refuses arguments that are not one thing of a kind; more is the rest of the
// command line, for who gave none or several.
func OneArgument(kind, more string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] == "" {
			return Usagef("name one %s: %s %s", kind, cmd.CommandPath(), more)
		}
		return nil
	}
}

// OneUser is [OneArgument] for a user.
func OneUser(more string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return Usagef("name one user: %s %s", cmd.CommandPath(), more)
		}
		if err := belfry.CheckRecipient(args[0]); err != nil {
			return Usagef("user %.40q: %w", args[0], Problem(err))
		}
		return nil
	}
}

// YesFlag is given for one call: it has a command do what it would else only show.
const YesFlag = "yes"

// AddYes adds it to fs; otherwise says what the command does without it.
func AddYes(fs *pflag.FlagSet, yes *bool, otherwise string) {
	fs.BoolVar(yes, YesFlag, false, "do it; otherwise only "+otherwise)
	MarkAction(fs, YesFlag)
}
