package rules

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/IBM/sarama"
	"github.com/spf13/cobra"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/rules"
)

// maxDryRun bounds how many records a dry run holds at a time.
const maxDryRun = 10_000

func rulesDryRunCommand(p *cli.Program) *cobra.Command {
	var last int
	c := recordCommand(p, &cobra.Command{
		Use:   "dry-run",
		Short: "Show who would get what of the last records of a topic",
		Long: `Read the last records of a topic, over all partitions in the order of their
times, and show what the rules make of them: who would get what, and for each
rule that makes nothing, why. Nothing is written, no group is joined.`,
		Example: `  belfry rules dry-run --rules rules.yaml --topic orders --last 20 --brokers 127.0.0.1:9092`,
	}, func(ctx context.Context, o *recordOptions, source *rules.Source, log *slog.Logger) error {
		if err := cli.InRange("last", last, 1, maxDryRun); err != nil {
			return err
		}
		cfg, err := o.kafka.Reachable(log)
		if err != nil {
			return err
		}
		return runDryRun(ctx, p, cfg, o, source, last)
	})
	c.Flags().IntVar(&last, "last", 10, "how many records")
	return c
}

func runDryRun(ctx context.Context, p *cli.Program, cfg kafka.Config, o *recordOptions, source *rules.Source, last int) error {
	records, info, err := table.Latest(ctx, cfg, o.topic, last)
	if err != nil {
		return o.readError(err)
	}
	var sum dryRunSum
	for _, m := range records {
		report := explainMessage(source, m, info)
		sum.add(report)
		if o.asJSON {
			report.shorten()
			err = json.NewEncoder(p.Stdout).Encode(report)
		} else {
			err = report.print(p.Stdout, false)
		}
		if err != nil {
			return err
		}
	}
	to := p.Stdout
	if o.asJSON {
		to = p.Stderr // a line of the output is a record
	} else if _, err := fmt.Fprintln(to, sum); err != nil {
		return err
	}
	if note := backfillNote(source, info.Partitions); note != "" {
		_, err = fmt.Fprintln(to, note)
	}
	return err
}

// backfillNote says of a source that begins in the past how its items are listed; ""
// if there is nothing to say.
func backfillNote(source *rules.Source, partitions int) string {
	if source.From == (rules.Start{}) || partitions < 2 {
		return ""
	}
	return fmt.Sprintf("note: from: %s begins in the past. The %d partitions are read beside each other, and an inbox lists in the order of arrival, not by time: what comes of different partitions is mixed. With silent: true it arrives read", source.From, partitions)
}

// dryRunSum counts what a dry run has shown.
type dryRunSum struct{ records, deliveries, recipients, audiences, dead int }

func (s *dryRunSum) add(r RecordReport) {
	s.records++
	if r.Error != "" {
		s.dead++
		return // nothing of it is delivered
	}
	for _, e := range r.Events {
		for _, rule := range e.Rules {
			if len(rule.Recipients) > 0 || rule.Audience != "" {
				s.deliveries++
				s.recipients += len(rule.Recipients)
			}
			if rule.Audience != "" {
				s.audiences++
			}
		}
	}
}

// String sums up in one line.
func (s dryRunSum) String() string {
	to := cli.Counted(s.recipients, "recipient")
	if s.audiences > 0 {
		to += fmt.Sprintf(" and %s", cli.Counted(s.audiences, "audience"))
	}
	return fmt.Sprintf("%s: %s for %s, %s", cli.Counted(s.records, "record"), cli.Counted(s.deliveries, "message"), to, cli.Counted(s.dead, "dead letter"))
}

// sourceRecord is a record as rules see it.
func sourceRecord(m *sarama.ConsumerMessage, info kafka.TopicInfo) sources.Record {
	return sources.Record{
		Topic: m.Topic, TopicID: info.ID, Partition: m.Partition, Offset: m.Offset,
		Timestamp: m.Timestamp, Key: m.Key, Value: m.Value, Headers: kafka.Headers(m),
	}
}
