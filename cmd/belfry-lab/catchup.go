package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/cli"
)

func benchCatchUpCommand(p *cli.Program) *cobra.Command {
	var (
		o              measureOptions
		events, rounds int
		before         string
	)
	c := &cobra.Command{
		Use:   "catchup",
		Short: "Measure catching up from the journal: records a second, processor time and memory of one processor",
		Long: `Write events to a journal, start one processor, and measure until it has committed
all: records a second and its processor time for a million, between a quarter and
95 % of them (steady) and from its start (total), and its highest resident memory.
Each round has topics and state of its own; programs take turns.

With --before another build of belfry is measured in the same run, so that a
change can be told from a noisy machine.`,
		Example: `  belfry-lab bench catchup --brokers 127.0.0.1:9092 --events 1000000 --users 10000
  belfry-lab bench catchup --brokers 127.0.0.1:9092 --before ./belfry-of-yesterday --peer ./plaingoka`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.Validate(), atLeast("events", events, 1000), atLeast("rounds", rounds, 1)); err != nil {
				return err
			}
			if before != "" {
				path, err := programAt("before", before)
				if err != nil {
					return err
				}
				before = path
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return measureWith(cmd.Context(), p, &o, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "catchup: %s\n%s; %d events in the journal, %d users, %d partitions\n", machine(), brokersOfFlag, events, o.users, o.partitions)
				programs := o.programs(b)
				if before != "" {
					former := programs[0]
					former.Name, former.Path = "before", before
					programs = append(programs, former)
				}
				return benchCatchUp(cmd.Context(), b, programs, events, rounds)
			})
		},
	}
	o.addMeasureFlags(c)
	o.addPeerFlag(c)
	partitions := c.Flags().Lookup("partitions")
	o.partitions, partitions.DefValue = 12, "12"
	c.Flags().IntVar(&events, "events", 1_000_000, "events in the journal")
	c.Flags().IntVar(&rounds, "rounds", 3, "how often each program is measured")
	c.Flags().StringVar(&before, "before", "", "`path` of another build of belfry to measure beside this one")
	return c
}

func benchCatchUp(ctx context.Context, b *bench.Config, programs []bench.Program, events, rounds int) error {
	all := map[string][]bench.CaughtUp{}
	b.Print("%5s  %-12s %9s %12s %9s %12s %9s", "round", "program", "steady/s", "CPU-s a M", "total/s", "CPU-s a M", "peak MiB")
	for round := range rounds {
		for i, program := range programs {
			r, err := b.CatchUp(ctx, fmt.Sprintf("catchup-%d-%d", round, i), program, events)
			if err != nil {
				return fmt.Errorf("round %d of %s: %w", round+1, program.Name, err)
			}
			all[program.Name] = append(all[program.Name], r)
			b.Print("%5d  %-12s %9.0f %12.1f %9.0f %12.1f %9.0f", round+1, program.Name, r.Steady, r.SteadyCPU, r.Total, r.CPU, r.Memory)
		}
	}
	for _, program := range programs {
		median := func(of func(bench.CaughtUp) float64) float64 {
			var values []float64
			for _, r := range all[program.Name] {
				values = append(values, of(r))
			}
			return figures.Median(values)
		}
		b.Print("median of %d, %s: steady %.0f/s, %.1f CPU-s a million; total %.0f/s, %.1f; peak %.0f MiB", rounds, program.Name,
			median(func(r bench.CaughtUp) float64 { return r.Steady }), median(func(r bench.CaughtUp) float64 { return r.SteadyCPU }),
			median(func(r bench.CaughtUp) float64 { return r.Total }), median(func(r bench.CaughtUp) float64 { return r.CPU }),
			median(func(r bench.CaughtUp) float64 { return r.Memory }))
	}
	return nil
}
