package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/cli"
)

func benchGapCommand(p *cli.Program) *cobra.Command {
	var (
		o            measureOptions
		rate, rounds int
		settle       time.Duration
	)
	c := &cobra.Command{
		Use:   "gap",
		Short: "Measure how long a process that joins, leaves or is killed holds up the tables",
		Long: `Run two processor processes under a steady load into the journal, and have a
third one join, end by SIGTERM, and one of the first two by SIGKILL. The gap of a
fault is the longest time for which any partition of the unread or the inbox table
got no record, from the fault until the groups are stable and everything has been
flowing for the time of --settle. "none" is the same without a fault, and "load"
the journal's own: what is under them tells nothing. Each round has topics, groups
and state of its own; programs take turns.`,
		Example: `  belfry-lab bench gap --brokers 127.0.0.1:9092
  belfry-lab bench gap --brokers 127.0.0.1:9092 --rounds 5 --peer ./plaingoka`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.Validate(), atLeast("rate", rate, 1), atLeast("rounds", rounds, 1)); err != nil {
				return err
			}
			if settle < time.Second {
				return cli.FlagErrorf("settle", "must be at least 1s, is %s", settle)
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return measureWith(cmd.Context(), p, &o, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "gap: %s\n%s; %d events/s, %d users, %d partitions\n", machine(), brokersOfFlag, rate, o.users, o.partitions)
				return benchGap(cmd.Context(), p, b, o.programs(b), rate, rounds, settle)
			})
		},
	}
	o.addMeasureFlags(c)
	o.addPeerFlag(c)
	c.Flags().IntVar(&rate, "rate", 2000, "events a second")
	c.Flags().DurationVar(&settle, "settle", bench.Flowing, "how long everything must flow again before the next fault; plain goka sleeps 5s")
	c.Flags().IntVar(&rounds, "rounds", 5, "how often each program goes through all faults")
	return c
}

func benchGap(ctx context.Context, p *cli.Program, b *bench.Config, programs []bench.Program, rate, rounds int, settle time.Duration) error {
	gaps := map[string]map[bench.Fault][]time.Duration{}
	for round := range rounds {
		for i, program := range programs {
			r, err := b.Gaps(ctx, fmt.Sprintf("gap-%d-%d", round, i), program, rate, settle)
			if err != nil {
				return fmt.Errorf("round %d of %s: %w", round+1, program.Name, err)
			}
			if gaps[program.Name] == nil {
				gaps[program.Name] = map[bench.Fault][]time.Duration{}
			}
			for _, f := range bench.Faults() {
				gaps[program.Name][f] = append(gaps[program.Name][f], r.Gaps[f].Both)
				b.Print("round %d, %s, %s: %s", round+1, program.Name, f, r.Gaps[f])
			}
			if r.Endings > 0 {
				b.Print("round %d, %s: processes ended by themselves %d times", round+1, program.Name, r.Endings)
			}
		}
	}
	for _, program := range programs {
		var line strings.Builder
		for _, f := range bench.Faults() {
			fmt.Fprintf(&line, "; %s %.2f s", f, figures.Median(gaps[program.Name][f]).Seconds())
		}
		b.Print("median of %d, %s%s", rounds, program.Name, line.String())
	}
	return nil
}
