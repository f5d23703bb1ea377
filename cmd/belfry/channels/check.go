package channels

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/sources/yamlfile"
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
	var asJSON bool
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a channels file, for continuous integration",
		Long: `Check a channels file. All that is wrong is printed, one problem a line with its
place and the fix, and the exit code is 1. What is right is summed up. It needs
no Kafka.`,
		Example: `  belfry channels check channels.yaml
  belfry channels check channels.yaml --json`,
		ValidArgsFunction: cli.CompleteYAML,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return cli.Usagef("name one file: belfry channels check FILE")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			policy, err := (&options.Channels{Path: args[0]}).Load()
			var wrong *yamlfile.Error
			if err != nil && !errors.As(err, &wrong) {
				return cli.Usagef("%w", err)
			}
			report := newReport(policy, wrong)
			if asJSON {
				err = json.NewEncoder(p.Stdout).Encode(report)
			} else {
				err = report.print(p.Stdout)
			}
			if err == nil && wrong != nil {
				err = fmt.Errorf("%s: %s in the channels", args[0], cli.Counted(len(wrong.Problems), "problem"))
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// Report is what there is to say of channels as they stand.
type Report struct {
	Valid    bool               `json:"valid"`
	Hash     string             `json:"hash,omitempty"`
	Zone     string             `json:"zone,omitempty"`
	Channels []channelReport    `json:"channels,omitempty"`
	Problems []yamlfile.Problem `json:"problems,omitempty"`
}

type channelReport struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Tells    []string `json:"tells"` // in words, in the order in which they are tried
	DailyCap int      `json:"daily_cap,omitempty"`
}

func newReport(p *reach.Policy, wrong *yamlfile.Error) Report {
	if wrong != nil {
		return Report{Problems: wrong.Problems}
	}
	r := Report{Valid: true, Hash: fmt.Sprintf("%016x", p.Hash()), Zone: p.Zone}
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
	if what == "" {
		what = "all"
	}
	switch {
	case r.Digest == nil:
		return fmt.Sprintf("%s after %s", what, r.After)
	case r.Digest.Days == 0:
		return fmt.Sprintf("%s at %s", what, r.Digest.At)
	}
	return fmt.Sprintf("%s at %s on %s", what, r.Digest.At, strings.Join(r.Digest.Days.Names(), ", "))
}

func (r Report) print(w io.Writer) error {
	if !r.Valid {
		return cli.PrintLines(w, r.Problems)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
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
