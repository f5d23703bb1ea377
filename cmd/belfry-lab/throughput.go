package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/child"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/node"
	"github.com/belfry/belfry/internal/options"
)

func benchThroughputCommand(p *cli.Program) *cobra.Command {
	var (
		o      benchOptions
		events int
	)
	c := &cobra.Command{
		Use:   "throughput",
		Short: "Measure catching up: events from the notifications topic into both tables",
		Long: `Write events to the notifications topic, then start all processors and measure
how long it takes until all are in the unread and inbox tables, start-up
included. The stages of the way share the processors and none waits for another,
so a rate over a part of the run would say nothing.`,
		Example: `  belfry-lab bench throughput
  belfry-lab bench throughput --events 1000000 --users 20000 --brokers 127.0.0.1:9092`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.Validate(), atLeast("events", events, 100)); err != nil {
				return err
			}
			if most := o.users * inbox.DefaultCap / 2; events > most {
				return cli.FlagErrorf("events", "must be at most %d for %d users: a full inbox makes records of its own, see --users", most, o.users)
			}
			return benchThroughput(cmd.Context(), p, &o, events)
		},
	}
	o.addCommonFlags(c)
	c.Flags().IntVar(&events, "events", 300_000, "how many events to bring into the tables")
	return c
}

func benchThroughput(ctx context.Context, p *cli.Program, o *benchOptions, events int) (err error) {
	b, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	fmt.Fprintf(p.Stdout, "throughput: %s\n%s; %d events, %d users, %d partitions\n", machine(), b.where(), events, o.users, o.partitions)
	feed := bench.Feed{Kafka: b.engine, Prefix: b.prefix, Users: o.users}
	if _, err := feed.Run(ctx, events); err != nil {
		return fmt.Errorf("load events: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, gctx := errgroup.WithContext(ctx)
	began, cpu := time.Now(), cpuTime()
	g.Go(func() error {
		return node.Run(gctx, node.Config{Kafka: b.engine, Prefix: b.prefix, Groups: node.AllGroups(), Features: inbox.DefaultFeatures, Grace: 10 * time.Second, Log: b.engine.Logger})
	})
	g.Go(func() error {
		defer stop()
		if err := b.await(gctx, int64(events)); err != nil {
			return err
		}
		total, used := time.Since(began), cpuTime()-cpu
		fmt.Fprintf(p.Stdout, "in both tables after %.2f s: %.0f events/s; %.1f CPU-s per million events\n",
			total.Seconds(), float64(events)/total.Seconds(), used.Seconds()/float64(events)*1e6)
		return nil
	})
	return g.Wait()
}

// await waits until the inbox table has a record for each event: as long as no inbox
// is full each makes one content there, while one row may stand for many events. The
// last rows are written with the last contents.
func (b *benchPlace) await(ctx context.Context, events int64) error {
	ends, err := options.OpenTopics(b.engine)
	if err != nil {
		return err
	}
	defer ends.Close()
	waited := child.Await(ctx, 20*time.Millisecond, func() bool {
		var n int64
		n, err = bench.Written(ctx, ends, b.prefix.InboxTable())
		return err != nil || n >= events
	})
	return errors.Join(err, waited)
}
