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

func benchRestoreCommand(p *cli.Program) *cobra.Command {
	var (
		o             measureOptions
		items, rounds int
	)
	c := &cobra.Command{
		Use:   "restore",
		Short: "Measure how fast a processor and a server read their tables anew, beside a bare consumer",
		Long: `Fill both tables with a row and --items contents for each user, then read them with an
empty state folder, again and again: a processor its rows and a server both tables, as
processes, from exec until /readyz says that they are ready; and before each a
consumer that reads the same records and does nothing with them, which is the limit.`,
		Example: `  belfry-lab bench restore --brokers 127.0.0.1:9092 | tee docs/bench/restore.txt
  belfry-lab bench restore --brokers 127.0.0.1:9092 --users 100000 --items 100`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.Validate(), atLeast("items", items, 1), atLeast("rounds", rounds, 1)); err != nil {
				return err
			}
			if items > 100 {
				return cli.FlagErrorf("items", "must be at most 100, is %d", items)
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return measureWith(cmd.Context(), p, &o, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "restore: %s\n%s; %s; %d users with %d items each, %d partitions\n", machine(), brokersOfFlag, load(), o.users, items, o.partitions)
				return benchRestore(cmd.Context(), b, items, rounds)
			})
		},
	}
	o.addMeasureFlags(c)
	users := c.Flags().Lookup("users")
	o.users, users.DefValue = 1_000_000, "1000000"
	c.Flags().IntVar(&items, "items", 10, "items of each user, at most 100")
	c.Flags().IntVar(&rounds, "rounds", 3, "how often each is measured")
	return c
}

func benchRestore(ctx context.Context, b *bench.Config, items, rounds int) error {
	all := map[bench.Restore][]bench.Restored{}
	err := b.Restores(ctx, items, rounds, cpuTime, func(way bench.Restore, r bench.Restored) {
		all[way] = append(all[way], r)
		b.Print("%s: %d records in %.2f s, %.0f/s, %.1f CPU-s a million, peak %.0f MiB", way, r.Rows, r.Took.Seconds(), r.PerSecond(), r.CPU.Seconds()/float64(r.Rows)*1e6, r.Memory)
	})
	if err != nil {
		return err
	}
	median := func(way bench.Restore, of func(bench.Restored) float64) float64 {
		var values []float64
		for _, r := range all[way] {
			values = append(values, of(r))
		}
		return figures.Median(values)
	}
	bare := 0.0
	for _, way := range bench.RestoreWays() {
		rate := median(way, bench.Restored.PerSecond)
		line := fmt.Sprintf("median of %d, %s: %.0f records/s, %.1f CPU-s a million", rounds, way, rate,
			median(way, func(r bench.Restored) float64 { return r.CPU.Seconds() / float64(r.Rows) * 1e6 }))
		switch way {
		case bench.BareRows, bench.BareTables:
			bare = rate
		default:
			line += fmt.Sprintf(", peak %.0f MiB; %.0f %% of the bare consumer's rate", median(way, func(r bench.Restored) float64 { return r.Memory }), 100*rate/bare)
		}
		b.Print("%s", line)
	}
	return nil
}
