package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/sources/rules"
)

func rulesCheckCommand(p *cli.Program) *cobra.Command {
	var (
		prefix   string
		timezone string
		asJSON   bool
	)
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a rules file or a folder of them, for continuous integration",
		Long: `Check a rules file or a folder of them. All that is wrong is printed, one
problem a line with its place and the fix, and the exit code is 1. What is
right is summed up. It needs no Kafka.`,
		Example: `  belfry rules check rules.yaml
  belfry rules check rules/ --json`,
		ValidArgsFunction: cli.CompleteYAML,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return cli.Usagef("name one file or folder: belfry rules check FILE")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if err := belfry.Prefix(prefix).Check(); err != nil {
				return cli.FlagErrorf("prefix", "%w", cli.Problem(err))
			}
			o := options.Rules{Path: args[0], Timezone: timezone}
			if err := o.Validate(); err != nil {
				return err
			}
			set, err := o.Load(belfry.Prefix(prefix))
			var wrong *rules.LoadError
			if err != nil && !errors.As(err, &wrong) {
				return cli.Usagef("%w", err)
			}
			report := newRulesReport(set, wrong)
			if asJSON {
				err = json.NewEncoder(p.Stdout).Encode(report)
			} else {
				err = report.print(p.Stdout)
			}
			if err == nil && wrong != nil {
				err = fmt.Errorf("%s: %s in the rules", args[0], cli.Counted(len(wrong.Problems), "problem"))
			}
			return err
		},
	}
	fs := c.Flags()
	fs.StringVar(&prefix, "prefix", belfry.DefaultPrefix, "what the `name` of Belfry's own topics begins with, which no rule may read")
	fs.StringVar(&timezone, "timezone", "UTC", "time `zone` of dates in events that name none, such as Asia/Seoul")
	fs.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// Report is what there is to say of rules as they stand.
type Report struct {
	Valid    bool            `json:"valid"`
	Hash     string          `json:"hash,omitempty"`
	Sources  []sourceReport  `json:"sources,omitempty"`
	Problems []rules.Problem `json:"problems,omitempty"`
}

type sourceReport struct {
	Topic    string   `json:"topic,omitempty"`
	Pattern  string   `json:"pattern,omitempty"`
	From     string   `json:"from"`
	Silent   bool     `json:"silent"`
	Timezone string   `json:"timezone"`
	Rules    []string `json:"rules"`
}

func newRulesReport(rules *rules.Set, wrong *rules.LoadError) Report {
	if wrong != nil {
		return Report{Problems: wrong.Problems}
	}
	r := Report{Valid: true, Hash: rules.Hash()}
	for _, s := range rules.Sources() {
		r.Sources = append(r.Sources, sourceReport{s.Topic, s.Pattern, s.From.String(), s.Silent, s.Location.String(), s.RuleNames()})
	}
	return r
}

func (r Report) print(w io.Writer) error {
	if !r.Valid {
		return cli.PrintLines(w, r.Problems)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SOURCE\tFROM\tTIMEZONE\tRULES")
	rules := 0
	for _, s := range r.Sources {
		name := s.Topic
		if name == "" {
			name = "pattern " + s.Pattern
		}
		from := s.From
		if s.Silent {
			from += ", silent"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", cli.Printable(name), from, s.Timezone, strings.Join(s.Rules, ", "))
		rules += len(s.Rules)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s and %s are right\n", cli.Counted(len(r.Sources), "source"), cli.Counted(rules, "rule"))
	return err
}
