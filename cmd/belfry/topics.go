package main

import (
	"fmt"

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
	)
	c := &cobra.Command{
		Use:     "topics",
		GroupID: groupOperate,
		Short:   "Create the topics that are missing, and verify the others",
		Long: `Create the topics that are missing, with the settings they need, and verify the
others. A topic that exists is never changed: a mismatch is an error that names
it and the fix. Running it again changes nothing.

The number of partitions is for life, since rows would no longer lie where their
records go.

With --new-epoch it does something else: the journal (or the built-in source
topic) was cut short, by a restore from a backup or an unclean election, and the
processors refuse partitions of it. Stop all processors first. What they have
not processed is copied to a file; then the topic is deleted, created again as
it was, and filled from the file. Users keep all they have, and versions go on.
Interrupted, the same command goes on where it was.`,
		Example: `  belfry topics --brokers kafka:9092
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
	log.addFlags(c.Flags())
	return c
}
