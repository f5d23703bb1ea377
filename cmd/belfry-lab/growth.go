package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/bench/figures"
	versus "github.com/belfry/belfry/internal/bench/peers"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

// growthOptions are those of bench growth.
type growthOptions struct {
	measureOptions
	events, rounds                           int
	userSteps, capSteps, parting, recipients []int

	measured int // so far: each has topics of its own name
}

func benchGrowthCommand(p *cli.Program) *cobra.Command {
	var o growthOptions
	c := &cobra.Command{
		Use:   "growth",
		Short: "Measure how catching up changes with users, the size of inboxes, partitions and recipients of an event",
		Long: `Measure catching up from the journal as bench catchup does, at one value after another
of one quantity while the others stay: users, items that an inbox keeps
(--inbox-cap of the processor, with events enough to fill them), and partitions. Then,
from the notifications topic, recipients of an event, with as many deliveries in all;
above 1000 an event is several messages. Told are steady records a second, processor time for a million and the highest resident memory, as medians, and how
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
	fs.IntSliceVar(&o.userSteps, "user-steps", []int{1000, 10_000, 100_000, 1_000_000}, "users, a `list`; here and below 0 for none")
	fs.IntSliceVar(&o.capSteps, "cap-steps", []int{10, 100, 1000}, "items that an inbox keeps, a `list`, for so many users that all are full")
	fs.IntSliceVar(&o.parting, "partition-steps", []int{1, 4, 16, 64}, "partitions, a `list`")
	fs.IntSliceVar(&o.recipients, "recipient-steps", []int{1, 10, 100, 1000, 10_000}, "recipients of an event, a `list`; --events are deliveries")
	return c
}

func (o *growthOptions) Validate() error {
	for _, steps := range []*[]int{&o.userSteps, &o.capSteps, &o.parting, &o.recipients} {
		if slices.Equal(*steps, []int{0}) {
			*steps = nil
		}
	}
	errs := []error{o.measureOptions.Validate(), atLeast("events", o.events, 1000), atLeast("rounds", o.rounds, 1)}
	for flag, steps := range map[string][]int{"user-steps": o.userSteps, "cap-steps": o.capSteps, "partition-steps": o.parting, "recipient-steps": o.recipients} {
		for _, n := range steps {
			errs = append(errs, atLeast(flag, n, 1))
		}
	}
	for _, n := range o.capSteps {
		if n > 1000 || 2*n > o.events {
			errs = append(errs, cli.FlagErrorf("cap-steps", "must be at most 1000 and half of --events, is %d", n))
		}
	}
	for _, n := range o.recipients {
		if n > o.users || o.events%n != 0 || n > belfry.MaxRecipients && n%belfry.MaxRecipients != 0 {
			errs = append(errs, cli.FlagErrorf("recipient-steps", "must divide --events, be at most --users and, above %d, a multiple of that; is %d", belfry.MaxRecipients, n))
		}
	}
	for _, n := range o.parting {
		if n > options.MaxPartitions {
			errs = append(errs, cli.FlagErrorf("partition-steps", "must be at most %d, is %d", options.MaxPartitions, n))
		}
	}
	return errors.Join(errs...)
}

// figure is what one round came to.
type figure struct{ steady, cpu, memory float64 }

// run measures one quantity after the other.
func (o *growthOptions) run(ctx context.Context, b *bench.Config) error {
	journal := func(ctx context.Context, c *bench.Config, name string, args ...string) (figure, error) {
		program := c.BelfryProcessor("unread")
		program.Args = append(slices.Clone(program.Args), args...)
		r, err := c.CatchUp(ctx, name, program, o.events)
		return figure{r.Steady, r.SteadyCPU, r.Memory}, err
	}
	for _, q := range []struct {
		name    string
		steps   []int
		measure func(ctx context.Context, c bench.Config, name string, n int) (figure, error)
	}{
		{"users", o.userSteps, func(ctx context.Context, c bench.Config, name string, n int) (figure, error) {
			c.Users = n
			return journal(ctx, &c, name)
		}},
		{"items an inbox", o.capSteps, func(ctx context.Context, c bench.Config, name string, n int) (figure, error) {
			c.Users = max(o.events/(2*n), 1) // each gets twice what he keeps
			return journal(ctx, &c, name, "--inbox-cap", strconv.Itoa(n))
		}},
		{"partitions", o.parting, func(ctx context.Context, c bench.Config, name string, n int) (figure, error) {
			c.Partitions = n
			return journal(ctx, &c, name)
		}},
		{"recipients", o.recipients, func(ctx context.Context, c bench.Config, name string, n int) (figure, error) {
			all := versus.Config{Config: c, Events: o.events, Recipients: n}
			r, err := all.Run(ctx, name, versus.BelfryFromNotifications)
			return figure{r.Steady, r.SteadyCPU, r.Memory}, err
		}},
	} {
		var before *figure
		for _, n := range q.steps {
			var rounds []figure
			for range o.rounds {
				o.measured++
				r, err := q.measure(ctx, *b, fmt.Sprintf("growth-%d", o.measured), n)
				if err != nil {
					return fmt.Errorf("%d %s: %w", n, q.name, err)
				}
				rounds = append(rounds, r)
			}
			now := medianOf(rounds)
			line := fmt.Sprintf("%7d %-14s steady %7.0f/s, %5.1f CPU-s a million, peak %4.0f MiB", n, q.name, now.steady, now.cpu, now.memory)
			switch {
			case now.steady == 0:
				line = fmt.Sprintf("%7d %-14s too short for a steady part: more --events", n, q.name)
			case before != nil && before.steady > 0 && before.cpu > 0:
				line += fmt.Sprintf(" (%.2f, %.2f, %.2f times)", now.steady/before.steady, now.cpu/before.cpu, now.memory/before.memory)
			}
			b.Print("%s", line)
			before = &now
		}
	}
	return nil
}

// medianOf is each quantity's own median.
func medianOf(rounds []figure) figure {
	var steady, cpu, memory []float64
	for _, r := range rounds {
		steady, cpu, memory = append(steady, r.steady), append(cpu, r.cpu), append(memory, r.memory)
	}
	return figure{figures.Median(steady), figures.Median(cpu), figures.Median(memory)}
}
