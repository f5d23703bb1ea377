package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
)

func (p *program) topicsCommand() *cobra.Command {
	var (
		kafka  kafkaOptions
		topics topicOptions
		log    logOptions
	)
	c := &cobra.Command{
		Use:     "topics",
		GroupID: groupOperate,
		Short:   "Create the topics that are missing, and verify the others",
		Long: `Create the topics that are missing, with the settings they need, and verify the
others. A topic that exists is never changed: a mismatch is an error that names
it and the fix. Running it again changes nothing.

The number of partitions is for life, since rows would no longer lie where their
records go.`,
		Example: `  belfry topics --brokers kafka:9092
  belfry topics --brokers kafka:9092 --prefix staging --partitions 24 --replication 3`,
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
			changes, err := ensureTopics(cmd.Context(), kafka.engineConfig("", logger), prefix, topics)
			for _, change := range changes {
				fmt.Fprintln(p.stdout, change)
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
	log.addFlags(c.Flags())
	return c
}
