package rules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/sources/rules"
)

func Command(p *cli.Program) *cobra.Command {
	c := &cobra.Command{
		Use:     "rules",
		GroupID: cli.GroupOperate,
		Short:   "Check rules, and try them on records without writing anything",
		Long: `Check a rules file, see what it would make of the last records of a topic, or
look at one record in depth. Nothing is written, no group is joined.`,
	}
	c.AddCommand(rulesCheckCommand(p), rulesDryRunCommand(p), rulesExplainCommand(p))
	return c
}

// recordOptions say which rules are tried on the records of which topic.
type recordOptions struct {
	kafka  options.Kafka
	rules  options.Rules
	topic  string
	asJSON bool
}

// recordCommand has c try rules on records: run gets the source of the topic.
func recordCommand(p *cli.Program, c *cobra.Command, run func(ctx context.Context, o *recordOptions, source *rules.Source, log *slog.Logger) error) *cobra.Command {
	o := &recordOptions{}
	options.Command(p, c, []options.Group{&o.rules, &o.kafka}, func(cmd *cobra.Command, _ []string, log *slog.Logger) error {
		source, err := o.source()
		if err != nil {
			return err
		}
		return run(cmd.Context(), o, source, log)
	})
	fs := c.Flags()
	fs.Lookup("rules").Usage += " (required)"
	fs.StringVar(&o.topic, "topic", "", "the `topic` to read (required)")
	fs.BoolVar(&o.asJSON, "json", false, "print JSON, one record a line")
	return c
}

// source returns that of the topic.
func (o *recordOptions) source() (*rules.Source, error) {
	if o.rules.Path == "" {
		return nil, cli.FlagErrorf("rules", "required; name a rules file or a folder of them")
	}
	if o.topic == "" {
		return nil, cli.FlagErrorf("topic", "required; name the topic to read")
	}
	rules, err := o.rules.Load(belfry.Prefix(o.kafka.Prefix))
	if err != nil {
		return nil, o.rules.Refusal(err)
	}
	s, ok := rules.Source(o.topic)
	if ok {
		return s, nil
	}
	var names []string
	for _, s := range rules.Sources() {
		names = append(names, s.Name())
	}
	return nil, cli.FlagErrorf("topic", "no source of the rules is for %.80q, only for %s", o.topic, strings.Join(names, ", "))
}

// readError says what can be done about a topic or record that is not there.
func (o *recordOptions) readError(err error) error {
	switch {
	case errors.Is(err, kafka.ErrTopic):
		return cli.FlagFailuref("topic", "the brokers have no topic %.80q; look for a typo", o.topic)
	case errors.Is(err, table.ErrOffset):
		return err
	}
	return fmt.Errorf("read records: %w", err)
}
