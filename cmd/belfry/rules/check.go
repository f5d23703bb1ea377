package rules

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/sources/rules"
)

func rulesCheckCommand(p *cli.Program) *cobra.Command {
	var prefix, timezone string
	c := cli.CheckCommand(p, &cobra.Command{
		Use:   "check FILE",
		Short: "Check a rules file or a folder of them, for continuous integration",
		Long: `Check a rules file or a folder of them. All that is wrong is printed, one
problem a line with its place and the fix, and the exit code is 1. What is
right is summed up. It needs no Kafka.`,
		Example: `  belfry rules check rules.yaml
  belfry rules check rules/ --json`,
		ValidArgsFunction: cli.CompleteYAML,
		Args:              cli.OneArgument("file or folder", "FILE"),
	}, "rules", func(path string) (cli.Report, error) {
		if err := belfry.Prefix(prefix).Check(); err != nil {
			return nil, cli.FlagErrorf("prefix", "%w", cli.Problem(err))
		}
		o := options.Rules{Path: path, Timezone: timezone}
		if err := o.Validate(); err != nil {
			return nil, err
		}
		set, err := o.Load(belfry.Prefix(prefix))
		if err != nil {
			return nil, err
		}
		return newRulesReport(set), nil
	})
	fs := c.Flags()
	fs.StringVar(&prefix, "prefix", belfry.DefaultPrefix, "what the `name` of Belfry's own topics begins with, which no rule may read")
	fs.StringVar(&timezone, "timezone", "UTC", "time `zone` of dates in events that name none, such as Asia/Seoul")
	return c
}

// Report is what there is to say of rules that are right.
type Report struct {
	cli.Checked
	Hash    string         `json:"hash,omitempty"`
	Sources []sourceReport `json:"sources,omitempty"`
}

type sourceReport struct {
	Topic    string   `json:"topic,omitempty"`
	Pattern  string   `json:"pattern,omitempty"`
	From     string   `json:"from"`
	Silent   bool     `json:"silent"`
	Timezone string   `json:"timezone"`
	Rules    []string `json:"rules"`
}

func newRulesReport(rules *rules.Set) Report {
	r := Report{Checked: cli.Checked{Valid: true}, Hash: rules.Hash()}
	for _, s := range rules.Sources() {
		r.Sources = append(r.Sources, sourceReport{s.Topic, s.Pattern, s.From.String(), s.Silent, s.Location.String(), s.RuleNames()})
	}
	return r
}

// Print implements cli.Report.
func (r Report) Print(w io.Writer) error {
	t := cli.NewTable(w)
	fmt.Fprintln(t, "SOURCE\tFROM\tTIMEZONE\tRULES")
	rules := 0
	for _, s := range r.Sources {
		name := cmp.Or(s.Topic, "pattern "+s.Pattern)
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
