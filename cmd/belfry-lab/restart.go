package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/cli"
)

// startNames are the values of --starts and what they stand for.
func startNames() map[string]bench.Start {
	return map[string]bench.Start{
		"cold": bench.ColdProcessor, "killed": bench.KilledProcessor, "static": bench.StaticProcessor,
		"server-cold": bench.ColdServer, "server-killed": bench.KilledServer,
	}
}

func benchRestartCommand(p *cli.Program) *cobra.Command {
	var (
		o                    measureOptions
		events, rate, rounds int
		names                []string
	)
	c := &cobra.Command{
		Use:   "restart",
		Short: "Measure how long a start takes, cold and after a SIGKILL",
		Long: `Fill the tables, then start a process again and again, and measure from its start
until /readyz says that it is ready, its memory at that time, and under load the
time until its first row is in the unread table: cold with an empty state folder;
killed with the state of one that was killed by SIGKILL under a light load, as a
dynamic member of its groups, which takes its former self out of them; static the
same with an --instance-id; the server both ways too.`,
		Example: `  belfry-lab bench restart --brokers 127.0.0.1:9092
  belfry-lab bench restart --brokers 127.0.0.1:9092 --starts cold,static --rounds 5 --peer ./plaingoka`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.Validate(), atLeast("events", events, 1), atLeast("rate", rate, 1), atLeast("rounds", rounds, 1)); err != nil {
				return err
			}
			ways, err := startsOf(names)
			if err != nil {
				return err
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return measureWith(cmd.Context(), p, &o, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "restart: %s\n%s; %d events, %d users, %d partitions\n", machine(), brokersOfFlag, events, o.users, o.partitions)
				return benchRestart(cmd.Context(), p, b, o.programs(b), events, rate, rounds, ways)
			})
		},
	}
	o.addMeasureFlags(c)
	o.addPeerFlag(c)
	users := c.Flags().Lookup("users")
	o.users, users.DefValue = 200_000, "200000"
	c.Flags().IntVar(&events, "events", 500_000, "how many events the tables hold")
	c.Flags().IntVar(&rate, "rate", 500, "events a second while processes are killed")
	c.Flags().IntVar(&rounds, "rounds", 3, "how often each start is measured")
	c.Flags().StringSliceVar(&names, "starts", []string{"cold", "killed", "static", "server-cold", "server-killed"}, "what to measure, a `list` of cold, killed, static, server-cold, server-killed")
	return c
}

func startsOf(names []string) ([]bench.Start, error) {
	var ways []bench.Start
	for _, name := range names {
		way, ok := startNames()[strings.TrimSpace(name)]
		if !ok {
			return nil, cli.FlagErrorf("starts", "must be of cold, killed, static, server-cold, server-killed, not %.80q", name)
		}
		ways = append(ways, way)
	}
	if len(ways) == 0 {
		return nil, cli.FlagErrorf("starts", "name at least one")
	}
	return ways, nil
}

func benchRestart(ctx context.Context, p *cli.Program, b *bench.Config, programs []bench.Program, events, rate, rounds int, ways []bench.Start) error {
	for i, program := range programs {
		of := ways
		if i > 0 { // a peer has no server and knows no instance id
			of = slices.DeleteFunc(slices.Clone(ways), func(w bench.Start) bool {
				return w != bench.ColdProcessor && w != bench.KilledProcessor
			})
		}
		if len(of) == 0 {
			continue
		}
		result, err := b.Restarts(ctx, fmt.Sprintf("restart-%d", i), program, events, rate, rounds, of)
		if err != nil {
			return fmt.Errorf("%s: %w", program.Name, err)
		}
		for _, way := range bench.Starts() {
			if len(result[way]) > 0 {
				b.Print("%s, %s: %s", program.Name, way, startLine(result[way]))
			}
		}
	}
	return nil
}

func startLine(all []bench.Started) string {
	var ready, resumed []time.Duration
	var memory []float64
	text := ""
	for _, s := range all {
		ready, resumed, memory = append(ready, s.Ready), append(resumed, s.Resumed), append(memory, s.Memory)
		text += fmt.Sprintf("%.2f s, ", s.Ready.Seconds())
	}
	text += fmt.Sprintf("median %.2f s, %.0f MiB resident", figures.Median(ready).Seconds(), figures.Median(memory))
	if first := figures.Median(resumed); first > 0 {
		text += fmt.Sprintf(", first row written after %.2f s", first.Seconds())
	}
	return text
}
