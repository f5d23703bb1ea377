package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry/sources/rules/advice"
)

// Program is the process that a command runs in, so that tests can stand in
// for it. One program runs once.
type Program struct {
	Name  string // what it is called on the command line
	Short string // one line of what it does
	Long  string // a paragraph of it
	// Commands returns every command with settings, each a new one.
	Commands func(*Program) []*cobra.Command

	Version string // set by the linker; empty: what Go recorded
	Env     func(name string) (value string, ok bool)
	Environ func() []string // all of it, as name=value; nil: not looked through
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	// Hangups has SIGHUP be told instead of ending the process, until stop is
	// called; nil: it is never told.
	Hangups func() (signals <-chan os.Signal, stop func())

	// started is set when a command's own code begins: until then every error
	// is about how the program was called.
	started bool
	strays  []Stray
}

// LogStrays writes a line for each environment variable that looks like a setting
// and is none. The commands of GroupServe call it; the others print those.
func (p *Program) LogStrays(log *slog.Logger) {
	for _, s := range p.strays {
		log.Warn("environment variable that is no setting, without effect", "name", Printable(s.Name), "nearest", s.Nearest)
	}
}

func (p *Program) environ() []string {
	if p.Environ == nil {
		return nil
	}
	return p.Environ()
}

// The groups of commands in the help text.
const (
	GroupStart   = "start"
	GroupServe   = "serve"
	GroupOperate = "operate"
	GroupDevelop = "develop"
)

// Main runs the program as this process, and ends that with the exit code.
func (p *Program) Main() {
	p.Env, p.Environ, p.Stdin, p.Stdout, p.Stderr = os.LookupEnv, os.Environ, os.Stdin, os.Stdout, os.Stderr
	os.Exit(p.Run(interruptible(), os.Args[1:]))
}

// Run executes the command that args, without the program's name, ask for and
// returns the exit code. Cancelling ctx makes a serving command drain.
func (p *Program) Run(ctx context.Context, args []string) int {
	root := p.Root()
	// cobra reads os.Args if it is given nil.
	root.SetArgs(append([]string{}, args...))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return ExitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	for i, line := range Lines(err) {
		if i == 0 {
			line = p.Name + ": " + line
		} else {
			line = "  " + line
		}
		fmt.Fprintln(p.Stderr, line)
	}
	var usage *UsageError
	if !p.started || errors.As(err, &usage) {
		return ExitUsage
	}
	return ExitFailure
}

// Root returns the command that holds all others.
func (p *Program) Root() *cobra.Command {
	root := &cobra.Command{
		Use:   p.Name,
		Short: p.Short,
		Long: p.Long + `

Settings: every flag can be an environment variable too (BELFRY_STATE_DIR for
--state-dir) or a key of the YAML file named by --config (state-dir: ...). The
command line wins over the environment, the environment over the file.

Exit codes: 0 done; 2 a mistake in the command line, the environment or the
file; 1 all the rest, such as no Kafka at --brokers or an address in use.`,
		Version:       VersionText(p.Name, p.Version),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	onlyCommands(root)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetUsageFunc(usage)
	root.SetFlagErrorFunc(flagParseError)
	root.SuggestionsMinimumDistance = 2
	root.PersistentFlags().String("config", "", "YAML `file` with a key for each flag; may serve all commands")
	completeFlags(root.PersistentFlags(), root)

	commands := p.Commands(p)
	for _, c := range commands {
		p.prepare(root, c)
	}
	root.AddCommand(commands...)
	root.AddCommand(versionCommand(root.Version))
	root.SetHelpCommand(helpCommand())
	addGroups(root)
	return root
}

// addGroups adds the groups that have a command: an empty one would be shown
// as a bare heading.
func addGroups(root *cobra.Command) {
	for _, g := range []*cobra.Group{
		{ID: GroupStart, Title: "Start here:"},
		{ID: GroupServe, Title: "Serve:"},
		{ID: GroupOperate, Title: "Operate:"},
		{ID: GroupDevelop, Title: "Develop:"},
	} {
		if slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.GroupID == g.ID }) {
			root.AddGroup(g)
		}
	}
}

// prepare makes a command and those below it read their settings before they
// run, refuse stray arguments and complete the values of flags.
func (p *Program) prepare(root, c *cobra.Command) {
	c.Flags().SortFlags = false
	completeFlags(c.Flags(), c)
	if c.HasSubCommands() {
		onlyCommands(c)
		for _, sub := range c.Commands() {
			p.prepare(root, sub)
		}
		return
	}
	if c.Args == nil {
		c.Args = noArguments
	}
	if c.ValidArgsFunction == nil {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	body := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := configure(cmd, p.Env, SettingNames(root)); err != nil {
			return err
		}
		p.started = true
		p.strays = strays(p.environ(), root)
		if c.GroupID != GroupServe { // which have a log for it
			for _, s := range p.strays {
				fmt.Fprintln(p.Stderr, p.Name+": "+s.String())
			}
		}
		return body(cmd, args)
	}
}

// onlyCommands makes a command that has no action of its own show its help
// without arguments, and refuse what is none of its commands.
func onlyCommands(c *cobra.Command) {
	c.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return nil
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usagef("%s takes no arguments, got %.80q; see %q", cmd.CommandPath(), args[0], cmd.CommandPath()+" --help")
	}
	return nil
}

func unknownCommand(cmd *cobra.Command, name string) error {
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return Usagef("unknown command %.80q; did you mean %q?", name, cmd.CommandPath()+" "+near[0])
	}
	return Usagef("unknown command %.80q; see %q", name, cmd.CommandPath()+" --help")
}

// flagParseError says in our words what pflag found wrong.
func flagParseError(cmd *cobra.Command, err error) error {
	// pflag stops at the first flag it doesn't know, although the command
	// before it is what is misspelt.
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
		return unknownCommand(cmd, args[0])
	}
	var (
		unknown *pflag.NotExistError
		invalid *pflag.InvalidValueError
		missing *pflag.ValueRequiredError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		return unknownFlag(cmd, unknown.GetSpecifiedName())
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		return FlagErrorf(f.Name, "%w", valueError(f, invalid.GetValue(), errors.Unwrap(invalid)))
	case errors.As(err, &missing):
		return FlagErrorf(missing.GetFlag().Name, "needs a value; see %q", cmd.CommandPath()+" --help")
	}
	return Usagef("%w; see %q", err, cmd.CommandPath()+" --help")
}

func unknownFlag(cmd *cobra.Command, name string) error {
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if near, d := advice.Nearest(name, known); d <= max(2, len(name)/2) {
		return Usagef("unknown flag --%.80s of %q; did you mean --%s?", name, cmd.CommandPath(), near)
	}
	return Usagef("unknown flag --%.80s of %q; see %q", name, cmd.CommandPath(), cmd.CommandPath()+" --help")
}
