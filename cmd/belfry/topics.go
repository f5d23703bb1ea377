package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/renew"
)

func topicsCommand(p *program) *cobra.Command {
	var (
		broker  kafkaOptions
		topics  topicOptions
		log     logOptions
		renewal = newRenewOptions()
		dryRun  bool
		grow    string
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
Interrupted, the same command goes on where it was.

With --grow-from it also fills the topics of --prefix, which may have more
partitions, with the users and inboxes of an installation with another prefix,
which it leaves as it is. Nothing of either may run, all of the old one must be
processed, and the new one must never have run.`,
		Example: `  belfry topics --brokers kafka:9092
  belfry topics --brokers kafka:9092 --dry-run
  belfry topics --brokers kafka:9092 --prefix staging --partitions 24 --replication 3
  belfry topics --brokers kafka:9092 --new-epoch
  belfry topics --brokers kafka:9092 --prefix belfry2 --partitions 48 --grow-from belfry`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := broker.validate(); err != nil {
				return err
			}
			if err := topics.validate(); err != nil {
				return err
			}
			logger, err := log.logger(p.stderr)
			if err != nil {
				return err
			}
			prefix := belfry.Prefix(broker.prefix)
			cfg := broker.engineConfig("", logger)
			report := func(change kafka.Change) { fmt.Fprintln(p.stdout, change) }
			if dryRun {
				if renewal.topic.value != "" || grow != "" {
					return flagErrorf("dry-run", "not with --%s or --%s, which change nothing that is there before all is checked and copied", newEpochFlag, growFromFlag)
				}
				return planTopics(cfg, prefix, topics, p.stdout)
			}
			if err := checkGrowth(belfry.Prefix(grow), prefix, renewal); err != nil {
				return err
			}
			if renewal.topic.value != "" {
				return renewTopic(cmd.Context(), cfg, prefix, renewal, report)
			}
			changes, err := topics.ensure(cmd.Context(), cfg, prefix)
			for _, change := range changes {
				report(change)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(p.stdout, "%d topics are as they must be\n", len(prefix.Topics(topics.partitions)))
			if grow != "" {
				return renew.Grow(cmd.Context(), cfg, renew.Growth{From: belfry.Prefix(grow), To: prefix, Report: report})
			}
			return nil
		},
	}
	broker.addFlags(c.Flags())
	topics.addFlags(c.Flags())
	renewal.addFlags(c.Flags())
	c.Flags().StringVar(&grow, growFromFlag, "", "`prefix` of an installation whose users and inboxes are copied into this one, which may have more partitions; on the command line only")
	markAction(c.Flags(), growFromFlag)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print what would be created and what differs, and change nothing")
	log.addFlags(c.Flags())
	return c
}

// planTopics prints what topicOptions.ensure would do. A difference, which that would
// not mend, is an error here too.
func planTopics(cfg kafka.Config, prefix belfry.Prefix, o topicOptions, out io.Writer) error {
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

// growFromFlag names the installation whose users are copied.
const growFromFlag = "grow-from"

// checkGrowth checks the prefix of --grow-from, if there is one.
func checkGrowth(from, to belfry.Prefix, renew renewOptions) error {
	if from == "" {
		return nil
	}
	if err := from.Check(); err != nil {
		return flagErrorf(growFromFlag, "%w", problem(err))
	}
	if from == to {
		return flagErrorf(growFromFlag, "%s is --prefix itself: topics keep their partitions, others need another prefix", from)
	}
	if renew.topic.value != "" {
		return flagErrorf(growFromFlag, "not with --%s", newEpochFlag)
	}
	return nil
}
