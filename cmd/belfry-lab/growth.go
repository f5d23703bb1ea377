package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

// growthOptions are those of bench growth.
type growthOptions struct {
	measureOptions
	events, rounds               int
	userSteps, capSteps, parting []int

	measured int // so far: each has topics of its own name
}

func benchGrowthCommand(p *cli.Program) *cobra.Command {
	var o growthOptions
	c := &cobra.Command{
		Use:   "growth",
		Short: "Measure how catching up from the journal changes with users, with the size of inboxes and with partitions",
		Long: `Measure catching up from the journal as bench catchup does, at one value after another
of one quantity while the others stay: users, items that an inbox keeps
(--inbox-cap of the processor, with events enough to fill them), and partitions. Told
are steady records a second, processor time for a million and the highest resident memory, as medians, and how
many times those of the step before each is.`,
		Example: `  belfry-lab bench growth --brokers 127.0.0.1:9092 | tee docs/bench/growth.txt
  belfry-lab bench growth --brokers 127.0.0.1:9092 --user-steps 1000,1000000 --cap-steps 100 --partition-steps 12`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return measureWith(cmd.Context(), p, &o.measureOptions, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "growth: %s\n%s; %s; %d events in the journal, medians of %d rounds\n", machine(), brokersOfFlag, load(), o.events, o.rounds)
				return o.run(cmd.Context(), b)
			})
		},
	}
	o.addMeasureFlags(c)
	partitions := c.Flags().Lookup("partitions")
	o.partitions, partitions.DefValue = 12, "12"
	fs := c.Flags()
	fs.IntVar(&o.events, "events", 1_000_000, "events in the journal of each step")
	fs.IntVar(&o.rounds, "rounds", 3, "how often each step is measured")
	fs.IntSliceVar(&o.userSteps, "user-steps", []int{1000, 10_000, 100_000, 1_000_000}, "users, a `list`; none: not measured")
	fs.IntSliceVar(&o.capSteps, "cap-steps", []int{10, 100, 1000}, "items that an inbox keeps, a `list`, for so many users that all are full")
	fs.IntSliceVar(&o.parting, "partition-steps", []int{1, 4, 16, 64}, "partitions, a `list`")
	return c
}

func (o *growthOptions) Validate() error {
	errs := []error{o.measureOptions.Validate(), atLeast("events", o.events, 1000), atLeast("rounds", o.rounds, 1)}
	for flag, steps := range map[string][]int{"user-steps": o.userSteps, "cap-steps": o.capSteps, "partition-steps": o.parting} {
		for _, n := range steps {
			errs = append(errs, atLeast(flag, n, 1))
		}
	}
	for _, n := range o.capSteps {
		if n > 1000 || 2*n > o.events {
			errs = append(errs, cli.FlagErrorf("cap-steps", "must be at most 1000 and half of --events, is %d", n))
		}
	}
	for _, n := range o.parting {
		if n > options.MaxPartitions {
			errs = append(errs, cli.FlagErrorf("partition-steps", "must be at most %d, is %d", options.MaxPartitions, n))
		}
	}
	return errors.Join(errs...)
}

// run measures one quantity after the other.
func (o *growthOptions) run(ctx context.Context, b *bench.Config) error {
	for _, q := range []struct {
		name  string
		steps []int
		set   func(c *bench.Config, program *bench.Program, n int)
	}{
		{"users", o.userSteps, func(c *bench.Config, _ *bench.Program, n int) { c.Users = n }},
		{"items an inbox", o.capSteps, func(c *bench.Config, program *bench.Program, n int) {
			c.Users = max(o.events/(2*n), 1) // each gets twice what he keeps
			program.Args = append(slices.Clone(program.Args), "--inbox-cap", strconv.Itoa(n))
		}},
		{"partitions", o.parting, func(c *bench.Config, _ *bench.Program, n int) { c.Partitions = n }},
	} {
		var before *bench.CaughtUp
		for _, n := range q.steps {
			c, program := *b, b.BelfryProcessor("unread")
			q.set(&c, &program, n)
			r, err := o.step(ctx, &c, program)
			if err != nil {
				return fmt.Errorf("%d %s: %w", n, q.name, err)
			}
			line := fmt.Sprintf("%7d %-14s steady %7.0f/s, %5.1f CPU-s a million, peak %4.0f MiB", n, q.name, r.Steady, r.SteadyCPU, r.Memory)
			if before != nil && before.Steady > 0 && before.SteadyCPU > 0 {
				line += fmt.Sprintf(" (%.2f, %.2f, %.2f times)", r.Steady/before.Steady, r.SteadyCPU/before.SteadyCPU, r.Memory/before.Memory)
			}
			b.Print("%s", line)
			before = &r
		}
	}
	return nil
}

// step is the median of the rounds of one value.
func (o *growthOptions) step(ctx context.Context, c *bench.Config, program bench.Program) (bench.CaughtUp, error) {
	var steady, cpu, memory []float64
	for range o.rounds {
		o.measured++
		r, err := c.CatchUp(ctx, fmt.Sprintf("growth-%d", o.measured), program, o.events)
		if err != nil {
			return r, err
		}
		steady, cpu, memory = append(steady, r.Steady), append(cpu, r.SteadyCPU), append(memory, r.Memory)
	}
	return bench.CaughtUp{Steady: figures.Median(steady), SteadyCPU: figures.Median(cpu), Memory: figures.Median(memory)}, nil
}
