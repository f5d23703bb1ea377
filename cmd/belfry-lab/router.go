package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/bench/router"
	"github.com/belfry/belfry/internal/cli"
)

func benchRouterCommand(p *cli.Program) *cobra.Command {
	var (
		events, rounds int
		duration       time.Duration
	)
	c := &cobra.Command{
		Use:   "router",
		Short: "Measure rules: events a second on one core through ten of them, and through the same by hand",
		Long: `Route events of ten types through ten rules in CEL, decoding included, and through
the same rules written by hand in Go, which decode into structs. Both must make
the same of every event before anything is measured. It needs no Kafka and uses
one core; processor time counts, so that neighbours do not. The ways take turns,
figures are medians of the rounds.`,
		Example: `  belfry-lab bench router`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(atLeast("events", events, 10), atLeast("rounds", rounds, 1)); err != nil {
				return err
			}
			if duration < time.Millisecond {
				return cli.FlagErrorf("duration", "must be at least 1ms, is %s", duration)
			}
			return benchRouter(cmd.Context(), p, events, rounds, duration)
		},
	}
	c.Flags().IntVar(&events, "events", 1000, "how many different events, routed over and over")
	c.Flags().IntVar(&rounds, "rounds", 5, "how often each way has its turn")
	c.Flags().DurationVar(&duration, "duration", 2*time.Second, "processor time of each turn")
	return c
}

func benchRouter(ctx context.Context, p *cli.Program, events, rounds int, duration time.Duration) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	r, err := router.NewRouter(events)
	if err != nil {
		return err
	}
	deliveries, err := r.Verify()
	if err != nil {
		return err
	}
	n, size := r.Events()
	fmt.Fprintf(p.Stdout, "router: %s\n%d events of %d bytes in the mean, ten rules, %d messages, the same both ways; %d rounds of %s\n",
		machine(), n, size, deliveries, rounds, duration)
	ways := []router.RouterWay{router.RoutedByRules, router.RoutedByHand, router.RoutedDecoded}
	costs := map[router.RouterWay][]time.Duration{}
	allocs := map[router.RouterWay][]float64{}
	for range rounds {
		for _, way := range ways {
			cost, err := r.Measure(ctx, way, duration, cpuTime)
			if err != nil {
				return err
			}
			costs[way] = append(costs[way], cost.Time)
			allocs[way] = append(allocs[way], cost.Allocs)
		}
	}
	t := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "way\tevents/s\tCPU-us each\tallocations each")
	for _, way := range ways {
		cost := router.RouterCost{Time: figures.Median(costs[way]), Allocs: figures.Median(allocs[way])}
		fmt.Fprintf(t, "%s\t%.0f\t%.1f\t%.0f\n", way, cost.PerSecond(), float64(cost.Time)/float64(time.Microsecond), cost.Allocs)
	}
	return t.Flush()
}
