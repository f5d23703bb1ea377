package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belfry/belfry/sources/rules"
)

// program is the process that a command runs in, so that tests can stand in
// for it. One program runs once.
type program struct {
	name  string // what it is called on the command line
	short string // one line of what it does
	long  string // a paragraph of it
	// commands returns every command with settings, each a new one.
	commands func(*program) []*cobra.Command

	version string // set by the linker; empty: what Go recorded
	env     func(name string) (value string, ok bool)
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	// hangups has SIGHUP be told instead of ending the process, until stop is
	// called; nil: it is never told.
	hangups func() (signals <-chan os.Signal, stop func())

	// started is set when a command's own code begins: until then every error
	// is about how the program was called.
	started bool
}

// The groups of commands in the help text.
const (
	groupStart   = "start"
	groupServe   = "serve"
	groupOperate = "operate"
	groupDevelop = "develop"
)

// run executes the command that args, without the program's name, ask for and
// returns the exit code. Cancelling ctx makes a serving command drain.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	// cobra reads os.Args if it is given nil.
	root.SetArgs(append([]string{}, args...))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	fmt.Fprintln(p.stderr, p.name+": "+oneLine(err))
	var usage *usageError
	if !p.started || errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

// root returns the command that holds all others.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   p.name,
		Short: p.short,
		Long: p.long + `

Settings: every flag can be an environment variable too (BELFRY_STATE_DIR for
--state-dir) or a key of the YAML file named by --config (state-dir: ...). The
command line wins over the environment, the environment over the file.

Exit codes: 0 done, 1 an error while running, 2 a mistake in the command line,
the environment or the file.`,
		Version:       versionText(p.name, p.version),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	onlyCommands(root)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetVersionTemplate("{{.Version}}\n")
	// A command that only holds others can be called alone, but that is
	// nothing to tell a reader.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", "{{if not .HasAvailableSubCommands}}", 1))
	root.SetFlagErrorFunc(flagParseError)
	root.SuggestionsMinimumDistance = 2
	root.PersistentFlags().String("config", "", "YAML `file` with a key for each flag; may serve all commands")

	commands := p.commands(p)
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
		{ID: groupStart, Title: "Start here:"},
		{ID: groupServe, Title: "Serve:"},
		{ID: groupOperate, Title: "Operate:"},
		{ID: groupDevelop, Title: "Develop:"},
	} {
		if slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.GroupID == g.ID }) {
			root.AddGroup(g)
		}
	}
}

// prepare makes a command and those below it read their settings before they
// run, refuse stray arguments and complete the values of flags.
func (p *program) prepare(root, c *cobra.Command) {
	c.Flags().SortFlags = false
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if v, ok := f.Value.(*choice); ok {
			// The error is for a flag that does not exist.
			_ = c.RegisterFlagCompletionFunc(f.Name, cobra.FixedCompletions(v.allowed, cobra.ShellCompDirectiveNoFileComp))
		}
	})
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
	body := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if err := configure(cmd, p.env, settingNames(root)); err != nil {
			return err
		}
		p.started = true
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
		return usagef("%s takes no arguments, got %.80q; see %q", cmd.CommandPath(), args[0], cmd.CommandPath()+" --help")
	}
	return nil
}

func unknownCommand(cmd *cobra.Command, name string) error {
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return usagef("unknown command %.80q; did you mean %q?", name, cmd.CommandPath()+" "+near[0])
	}
	return usagef("unknown command %.80q; see %q", name, cmd.CommandPath()+" --help")
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
		return flagErrorf(f.Name, "%w", valueError(f, invalid.GetValue(), errors.Unwrap(invalid)))
	case errors.As(err, &missing):
		return flagErrorf(missing.GetFlag().Name, "needs a value; see %q", cmd.CommandPath()+" --help")
	}
	return usagef("%w; see %q", err, cmd.CommandPath()+" --help")
}

func unknownFlag(cmd *cobra.Command, name string) error {
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if near, d := rules.Nearest(name, known); d <= max(2, len(name)/2) {
		return usagef("unknown flag --%.80s of %q; did you mean --%s?", name, cmd.CommandPath(), near)
	}
	return usagef("unknown flag --%.80s of %q; see %q", name, cmd.CommandPath(), cmd.CommandPath()+" --help")
}
