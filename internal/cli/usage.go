package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const (
	helpWidth  = 80 // columns of a line of help
	helpColumn = 30 // where the descriptions of flags begin
)

// flagGroup marks a flag with the title that help shows it under.
const flagGroup = "belfry_group"

// GroupFlags has help show under a title the flags that are added to fs until the
// function that it returns is called, but for those of a group within.
func GroupFlags(fs *pflag.FlagSet, title string) func() {
	before := map[string]bool{}
	fs.VisitAll(func(f *pflag.Flag) { before[f.Name] = true })
	return func() {
		fs.VisitAll(func(f *pflag.Flag) {
			if !before[f.Name] && f.Annotations[flagGroup] == nil {
				// The error is for a flag that does not exist.
				_ = fs.SetAnnotation(f.Name, flagGroup, []string{title})
			}
		})
	}
}

// usage writes the part of a command's help that follows its description.
func usage(c *cobra.Command) error {
	w := &strings.Builder{}
	// A command that only holds others can be called alone, but that is nothing to
	// tell a reader.
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "Usage:\n  %s [command]\n", c.CommandPath())
	} else {
		fmt.Fprintf(w, "Usage:\n  %s\n", c.UseLine())
	}
	if c.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", c.Example)
	}
	writeCommands(w, c)
	writeFlags(w, c)
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\nUse \"%s [command] --help\" for more about a command.\n", c.CommandPath())
	}
	_, err := io.WriteString(c.OutOrStderr(), w.String())
	return err
}

func writeCommands(w io.Writer, c *cobra.Command) {
	list := func(title, group string) {
		first := true
		for _, sub := range c.Commands() {
			if sub.GroupID != group || !sub.IsAvailableCommand() && sub.Name() != "help" {
				continue
			}
			if first {
				fmt.Fprintf(w, "\n%s\n", title)
			}
			first = false
			column := sub.NamePadding() + len("   ")
			for i, line := range wrapped(sub.Short, helpWidth-column) {
				name := ""
				if i == 0 {
					name = "  " + sub.Name()
				}
				fmt.Fprintf(w, "%-*s%s\n", column, name, line)
			}
		}
	}
	for _, g := range c.Groups() {
		list(g.Title, g.ID)
	}
	if len(c.Groups()) > 0 {
		list("More:", "")
	} else {
		list("Commands:", "")
	}
}

// writeFlags writes the flags by group, in the order in which they were added:
// first those of no group, last those that every command has.
func writeFlags(w io.Writer, c *cobra.Command) {
	const everywhere = "Everywhere"
	titles := []string{"Flags"}
	groups := map[string][]*pflag.Flag{}
	add := func(title string, f *pflag.Flag) {
		if !f.Hidden {
			groups[title] = append(groups[title], f)
		}
	}
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		title := "Flags"
		switch given := f.Annotations[flagGroup]; {
		case given != nil:
			title = given[0]
		case !IsSetting(f) && (f.Name == "help" || f.Name == "version" || f.Name == "config"):
			title = everywhere
		}
		if title != everywhere && !slices.Contains(titles, title) {
			titles = append(titles, title)
		}
		add(title, f)
	})
	c.InheritedFlags().VisitAll(func(f *pflag.Flag) { add(everywhere, f) })
	for _, title := range append(titles, everywhere) {
		if len(groups[title]) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s:\n", title)
		for _, f := range groups[title] {
			writeFlag(w, f)
		}
	}
}

// writeFlag writes a flag with its description beside it or, where the flag is too
// long for that, below.
func writeFlag(w io.Writer, f *pflag.Flag) {
	value, text := pflag.UnquoteUsage(f)
	name := "  --" + f.Name
	if f.Shorthand != "" {
		name = "  -" + f.Shorthand + ", --" + f.Name
	}
	if value != "" {
		name += " " + value
	}
	switch f.DefValue {
	case "", "false", "0", "0s", "[]":
	default:
		text += fmt.Sprintf(" (default %s)", strings.Trim(f.DefValue, "[]"))
	}
	lines := wrapped(text, helpWidth-helpColumn)
	if len(name) >= helpColumn {
		fmt.Fprintln(w, name)
	} else {
		fmt.Fprintf(w, "%-*s%s\n", helpColumn, name, lines[0])
		lines = lines[1:]
	}
	for _, line := range lines {
		fmt.Fprintf(w, "%*s%s\n", helpColumn, "", line)
	}
}

// wrapped returns a text in lines of that many bytes at most, if its words allow it.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
