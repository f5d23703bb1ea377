package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
)

func (p *program) topicsCommand() *cobra.Command {
	var (
		kafka  kafkaOptions
		topics topicOptions
		log    logOptions
		renew  = newRenewOptions()
		dryRun bool
	)
	c := &cobra.Command{
		Use:     "topics",
		GroupID: groupOperate,
		Short:   "Create the topics that are missing, and verify the others",
		Long: `Create the topics that are missing, with the settings they need, and verify the
others. A topic that exists is never changed: a mismatch is an error that names
it and the fix. Running it again changes nothing.

With --dry-run it prints what it would do, topic by topic, and changes nothing.

The number of partitions is for life, since rows would no longer lie where their
records go. How to get more, under another prefix: docs/operations.md, "More
partitions".

With --new-epoch it does something else: the journal (or the built-in source
topic) was cut short, by a restore from a backup or an unclean election, and the
processors refuse partitions of it. Stop all processors first. What they have
not processed is copied to a file; then the topic is deleted, created again as
it was, and filled from the file. Users keep all they have, and versions go on.
Interrupted, the same command goes on where it was.`,
		Example: `  belfry topics --brokers kafka:9092
  belfry topics --brokers kafka:9092 --dry-run
  belfry topics --brokers kafka:9092 --prefix staging --partitions 24 --replication 3
  belfry topics --brokers kafka:9092 --new-epoch`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := kafka.validate(); err != nil {
				return err
			}
			if err := topics.validate(); err != nil {
				return err
			}
			logger, err := log.logger(p.stderr)
			if err != nil {
				return err
			}
			prefix := belfry.Prefix(kafka.prefix)
			cfg := kafka.engineConfig("", logger)
			report := func(change engine.Change) { fmt.Fprintln(p.stdout, change) }
			if dryRun {
				if renew.topic.value != "" {
					return flagErrorf("dry-run", "not with --%s, which tells what it copies before it deletes anything", newEpochFlag)
				}
				return planTopics(cfg, prefix, topics, p.stdout)
			}
			if renew.topic.value != "" {
				return renewTopic(cmd.Context(), cfg, prefix, renew, report)
			}
			changes, err := ensureTopics(cmd.Context(), cfg, prefix, topics)
			for _, change := range changes {
				report(change)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(p.stdout, "%d topics are as they must be\n", len(prefix.Topics(topics.partitions)))
			return nil
		},
	}
	kafka.addFlags(c.Flags())
	topics.addFlags(c.Flags())
	renew.addFlags(c.Flags())
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print what would be created and what differs, and change nothing")
	log.addFlags(c.Flags())
	return c
}

// planTopics prints what ensureTopics would do. A difference, which that would
// not mend, is an error here too.
func planTopics(cfg engine.Config, prefix belfry.Prefix, o topicOptions, out io.Writer) error {
	topics, err := openTopics(cfg)
	if err != nil {
		return err
	}
	defer topics.Close()
	specs := prefix.Topics(o.partitions)
	steps, err := topics.Plan(specs, o.replication)
	if err != nil {
		return fmt.Errorf("topics of prefix %s: %w", prefix, err)
	}
	var existing []belfry.TopicSpec
	for i, s := range steps {
		fmt.Fprintln(out, s)
		if !s.Create {
			existing = append(existing, specs[i])
		}
	}
	return topics.Verify(existing)
}
