package main

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/renew"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

func topicsCommand(p *cli.Program) *cobra.Command {
	var (
		broker  options.Kafka
		topics  options.Topics
		asked   options.Requests
		renewal = newRenewOptions()
		dryRun  bool
		grow    string
		oneHop  bool
	)
	c := options.Command(p, &cobra.Command{
		Use:     "topics",
		GroupID: cli.GroupOperate,
		Short:   "Create the topics that are missing, and verify the others",
		Long: `Create the topics that are missing, with the settings they need, and verify the
others. A topic that exists is never changed: a mismatch is an error that names
it and the fix. Running it again changes nothing.

With --reply-topics it also creates the request topic and the reply topics that
are named, if they are missing; of those that exist nothing is asked.

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
processed, and the new one must never have run. While there are notices to
many, or traces of one, --partitions must be a multiple of the former number.

With --one-hop it takes over an installation of an earlier release, whose
contents went by way of the topic belfry.items: it stops writes to that topic,
sees that all of it gets to the inbox table, and empties it. Processors of this
release start only after that. Interrupted, the same command goes on where it
was.`,
		Example: `  belfry topics --brokers kafka:9092
  belfry topics --brokers kafka:9092 --dry-run
  belfry topics --brokers kafka:9092 --prefix staging --partitions 24 --replication 3
  belfry topics --brokers kafka:9092 --new-epoch
  belfry topics --brokers kafka:9092 --prefix belfry2 --partitions 48 --grow-from belfry
  belfry topics --brokers kafka:9092 --one-hop`,
	}, []options.Group{&broker, &topics, &asked}, func(cmd *cobra.Command, _ []string, log *slog.Logger) error {
		cfg := broker.Config("", log)
		prefix := cfg.Prefix
		report := func(change kafka.Change) { fmt.Fprintln(p.Stdout, change) }
		if dryRun {
			if renewal.topic.Value != "" || grow != "" || oneHop {
				return cli.FlagErrorf("dry-run", "not with --%s, --%s or --%s, which change nothing that is there before all is checked and copied", newEpochFlag, growFromFlag, oneHopFlag)
			}
			return planTopics(cfg, prefix, topics, asked, p.Stdout)
		}
		if err := checkGrowth(belfry.Prefix(grow), prefix, renewal); err != nil {
			return err
		}
		if oneHop {
			if renewal.topic.Value != "" || grow != "" {
				return cli.FlagErrorf(oneHopFlag, "not with --%s or --%s: run it before", newEpochFlag, growFromFlag)
			}
			return renew.OneHop{Prefix: prefix, Check: codec.CheckItem, Report: report}.Run(cmd.Context(), cfg)
		}
		if renewal.topic.Value != "" {
			return renewTopic(cmd.Context(), cfg, prefix, renewal, report)
		}
		changes, err := topics.Ensure(cmd.Context(), cfg, prefix, &asked)
		for _, change := range changes {
			report(change)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(p.Stdout, "%d topics are as they must be\n", len(prefix.Topics(topics.Partitions)))
		if grow != "" {
			return renew.Grow(cmd.Context(), cfg, renew.Growth{From: belfry.Prefix(grow), To: prefix, Boards: growBoards(), Report: report})
		}
		return nil
	})
	renewal.AddFlags(c.Flags())
	c.Flags().StringVar(&grow, growFromFlag, "", "`prefix` of an installation whose users and inboxes are copied into this one, which may have more partitions; on the command line only")
	cli.MarkAction(c.Flags(), growFromFlag)
	c.Flags().BoolVar(&oneHop, oneHopFlag, false, "take over an installation of an earlier release that has a topic belfry.items; on the command line only")
	cli.MarkAction(c.Flags(), oneHopFlag)
	c.Flags().BoolVar(&dryRun, "dry-run", false, "print what would be created and what differs, and change nothing")
	return c
}

// planTopics prints what Topics.ensure would do. A difference, which that would
// not remove, is an error here too.
func planTopics(cfg kafka.Config, prefix belfry.Prefix, o options.Topics, asked options.Requests, out io.Writer) error {
	topics, err := options.OpenTopics(cfg)
	if err != nil {
		return err
	}
	defer topics.Close()
	specs := prefix.Topics(o.Partitions)
	more, err := asked.Missing(topics, o.Partitions)
	if err != nil {
		return err
	}
	specs = append(specs, more...)
	steps, err := topics.Plan(specs, o.Replication)
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

// oneHopFlag asks for the upgrade from releases whose contents took two hops.
const oneHopFlag = "one-hop"

// growFromFlag names the installation whose users are copied.
const growFromFlag = "grow-from"

// growBoards tells renew.Grow of rows.
func growBoards() *renew.Boards {
	return &renew.Boards{
		Holds:   codec.BoardHolds,
		Version: codec.RowVersion,
		Forget: func(rows [][]byte, version uint64) ([]byte, error) {
			return codec.ForgetBoards(rows, version, time.Now())
		},
	}
}

// checkGrowth checks the prefix of --grow-from, if there is one.
func checkGrowth(from, to belfry.Prefix, renew renewOptions) error {
	if from == "" {
		return nil
	}
	if err := from.Check(); err != nil {
		return cli.FlagErrorf(growFromFlag, "%w", cli.Problem(err))
	}
	if from == to {
		return cli.FlagErrorf(growFromFlag, "%s is --prefix itself: topics keep their partitions, others need another prefix", from)
	}
	if renew.topic.Value != "" {
		return cli.FlagErrorf(growFromFlag, "not with --%s", newEpochFlag)
	}
	return nil
}
