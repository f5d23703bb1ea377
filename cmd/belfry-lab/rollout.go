package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/cli"
)

func benchRolloutCommand(p *cli.Program) *cobra.Command {
	var (
		o      measureOptions
		ro     bench.Rollout
		rounds int
	)
	c := &cobra.Command{
		Use:   "rollout",
		Short: "Restart all processes one after the other under load: what is lost, and how fresh badges stay",
		Long: `Run three processors and two servers as processes, with a stream open for every
user, behind a load balancer that asks /readyz four times a second. While events
are written to the notifications topic each process is ended by SIGTERM and
started again, one after the other. A delay counts from when an event was due
until a client has read its item from a stream; clients wait before they come
back for as long as they are told. Every event that the brokers acknowledged is
then looked for: in what came out of the streams, and in the badges of both
servers.`,
		Example: `  belfry-lab bench rollout --brokers 127.0.0.1:9092
  belfry-lab bench rollout --brokers 127.0.0.1:9092 --static`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.Validate(), atLeast("rate", ro.Rate, 1), atLeast("rounds", rounds, 1)); err != nil {
				return err
			}
			if ro.Steady < 0 || ro.Settle < 0 {
				return cli.FlagErrorf("settle", "must not be negative, as --steady")
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return measureWith(cmd.Context(), p, &o, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "rollout: %s\n%s; %d events/s, %d users with a stream each, %d partitions, 3 processors, 2 servers\n",
					machine(), brokersOfFlag, ro.Rate, o.users, o.partitions)
				for round := range rounds {
					if err := benchRollout(cmd.Context(), p, b, round, ro); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	o.addMeasureFlags(c)
	fs := c.Flags()
	users := fs.Lookup("users")
	o.users, users.DefValue = 500, "500"
	fs.IntVar(&ro.Rate, "rate", 500, "events a second; a user keeps 1,000 items")
	fs.DurationVar(&ro.Steady, "steady", 10*time.Second, "how long all runs before the first restart")
	fs.DurationVar(&ro.Settle, "settle", 5*time.Second, "pause after each restart")
	fs.BoolVar(&ro.Static, "static", false, "run processors with --instance-id: partitions wait for their process")
	fs.IntVar(&rounds, "rounds", 1, "how often all of it is done")
	return c
}

func benchRollout(ctx context.Context, p *cli.Program, b *bench.Config, round int, o bench.Rollout) error {
	r, err := b.Rollout(ctx, fmt.Sprintf("rollout-%d", round), o)
	if err != nil {
		return fmt.Errorf("round %d: %w", round+1, err)
	}
	b.Print("round %d", round+1)
	table := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "stage\ttook s\tp50 ms\tp99 ms\tmax ms\tevents\tstreams came back\tmost within 1 s")
	for i := range r.Stages {
		s := &r.Stages[i]
		came := "-\t-"
		if len(s.Came) > 0 {
			came = fmt.Sprintf("%d\t%.0f %%", len(s.Came), 100*s.Crowded())
		}
		ms := func(q float64) int64 { return figures.Quantile(s.Delays, q).Milliseconds() }
		fmt.Fprintf(table, "%s\t%.1f\t%d\t%d\t%d\t%d\t%s\n", s.Name, s.Took.Seconds(), ms(.5), ms(.99), ms(1), len(s.Delays), came)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	b.Print("%d events acknowledged, %d lost, %d twice, %d wrong badges, %d resyncs; p99 of the worst 5 s %.2f s; processes ended by themselves %d times",
		r.Sent, r.Lost, r.Again, r.Wrong, r.Resync, r.Worst.Seconds(), r.Endings)
	b.Print("servers seen as: %s", strings.Join(r.States, ", "))
	return nil
}
