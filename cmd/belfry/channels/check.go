package channels

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/reach"
)

// Command returns the command.
func Command(p *cli.Program) *cobra.Command {
	c := &cobra.Command{
		Use:     "channels",
		GroupID: cli.GroupOperate,
		Short:   "Check on which channels users are told of what they have not looked at",
		Long: `Check a channels file: on which channels users are told of what they have not
looked at, and when. Nothing is written, and it needs no Kafka.`,
	}
	c.AddCommand(checkCommand(p))
	return c
}

func checkCommand(p *cli.Program) *cobra.Command {
	return cli.CheckCommand(p, &cobra.Command{
		Use:   "check FILE",
		Short: "Check a channels file, for continuous integration",
		Long: `Check a channels file. All that is wrong is printed, one problem a line with its
place and the fix, and the exit code is 1. What is right is summed up. It needs
no Kafka.`,
		Example: `  belfry channels check channels.yaml
  belfry channels check channels.yaml --json`,
		ValidArgsFunction: cli.CompleteYAML,
		Args:              cli.OneArgument("file", "FILE"),
	}, "channels", func(path string) (cli.Report, error) {
		policy, err := (&options.Channels{Path: path}).Load()
		if err != nil {
			return nil, err
		}
		return newReport(policy), nil
	})
}

// Report is what there is to say of channels that are right.
type Report struct {
	cli.Checked
	Hash     string          `json:"hash,omitempty"`
	Zone     string          `json:"zone,omitempty"`
	Channels []channelReport `json:"channels,omitempty"`
}

type channelReport struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Tells    []string `json:"tells"` // in words, in the order in which they are tried
	DailyCap int      `json:"daily_cap,omitempty"`
}

func newReport(p *reach.Policy) Report {
	r := Report{Checked: cli.Checked{Valid: true}, Hash: fmt.Sprintf("%016x", p.Hash()), Zone: p.Zone}
	for i := range p.Channels {
		c := &p.Channels[i]
		out := channelReport{Name: c.Name, Kind: c.Kind.String(), DailyCap: c.DailyCap}
		for j := range c.Tell {
			out.Tells = append(out.Tells, words(&c.Tell[j]))
		}
		r.Channels = append(r.Channels, out)
	}
	return r
}

// words says what a rule tells of, and when.
func words(r *reach.Rule) string {
	var parts []string
	for _, p := range r.Priorities {
		parts = append(parts, p.String())
	}
	what := strings.Join(parts, " or ")
	if len(r.Categories) > 0 {
		what = strings.TrimSpace(what + " of " + strings.Join(r.Categories, " or "))
	}
	what = cmp.Or(what, "all")
	switch {
	case r.Digest == nil:
		return fmt.Sprintf("%s after %s", what, r.After)
	case r.Digest.Days == 0:
		return fmt.Sprintf("%s at %s", what, r.Digest.At)
	}
	return fmt.Sprintf("%s at %s on %s", what, r.Digest.At, strings.Join(r.Digest.Days.Names(), ", "))
}

// Print implements cli.Report.
func (r Report) Print(w io.Writer) error {
	t := cli.NewTable(w)
	fmt.Fprintln(t, "CHANNEL\tKIND\tA DAY\tTELLS OF")
	rules := 0
	for _, c := range r.Channels {
		most := "any"
		if c.DailyCap > 0 {
			most = fmt.Sprint(c.DailyCap)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", c.Name, c.Kind, most, cli.Printable(strings.Join(c.Tells, "; ")))
		rules += len(c.Tells)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s and %s are right\n", cli.Counted(len(r.Channels), "channel"), cli.Counted(rules, "rule"))
	return err
}
