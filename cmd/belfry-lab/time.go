package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/bench/scheduled"
	"github.com/belfry/belfry/internal/cli"
)

// timeOptions are those of bench time.
type timeOptions struct {
	measureOptions
	together scheduled.Together
	pending  scheduled.Pending
	before   string
	events   int
	rounds   int
	duration time.Duration // of live events of each build
}

func benchTimeCommand(p *cli.Program) *cobra.Command {
	var o timeOptions
	c := &cobra.Command{
		Use:   "time",
		Short: "Measure scheduled notifications: badge beside list as they come due, a million that wait, and what they cost all others",
		Long: `Measure in three parts, each left out if its first flag is 0 or absent:

--rate: events with a deliver_at, as many a second. Of users for whom something comes
due the badge of one server and the list of another are read at once, again and
again, and compared: the list with its own count, and both where they are of one
version and x. Told is also how late an event is on its user's stream.

--pending: users with one scheduled notification each, who all come due within
--over, beside live events: what a processor's start takes with and without them and
what its heap holds, and the delays of live events while they wait and come due.

--before: another git revision beside this one, both with events that use none of it:
catching up from the journal, delays from journal to stream, and sizes of rows, in turn.`,
		Example: `  belfry-lab bench time --brokers 127.0.0.1:9092 --before 1b3e779~1 | tee docs/bench/time.txt
  belfry-lab bench time --brokers 127.0.0.1:9092 --rate 0 --pending 100000 --lead 3m`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return measureWith(cmd.Context(), p, &o.measureOptions, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "time: %s\n%s; %s; %d partitions\n", machine(), brokersOfFlag, load(), o.partitions)
				return o.run(cmd.Context(), b)
			})
		},
	}
	o.addMeasureFlags(c)
	fs := c.Flags()
	fs.IntVar(&o.together.Rate, "rate", 460, "scheduled events a second that are sampled; 0: none")
	fs.DurationVar(&o.together.Duration, "sample-for", time.Minute, "for how long they are written")
	fs.DurationVar(&o.together.Every, "sample-every", 10*time.Millisecond, "time between two samples")
	fs.IntVar(&o.pending.Count, "pending", 1_000_000, "scheduled events that wait; 0: none")
	fs.DurationVar(&o.pending.Over, "over", time.Minute, "within which they come due, and how long live events are measured before")
	fs.DurationVar(&o.pending.Lead, "lead", 6*time.Minute, "from when they are written until the first is due")
	fs.IntVar(&o.pending.Rate, "live-rate", 100, "live events a second")
	fs.IntVar(&o.pending.Streams, "streams", 100, "users with a stream")
	fs.StringVar(&o.before, "before", "", "git `revision` whose belfry is measured beside this one")
	fs.IntVar(&o.events, "events", 300_000, "events in the journal of each build")
	fs.IntVar(&o.rounds, "rounds", 3, "how often each build is measured")
	fs.DurationVar(&o.duration, "duration", 20*time.Second, "how long live events are sent through each build")
	return c
}

func (o *timeOptions) Validate() error {
	errs := []error{o.measureOptions.Validate(), atLeast("rate", o.together.Rate, 0), atLeast("pending", o.pending.Count, 0), atLeast("live-rate", o.pending.Rate, 1),
		atLeast("streams", o.pending.Streams, 1), atLeast("events", o.events, 1000), atLeast("rounds", o.rounds, 1)}
	for flag, d := range map[string]time.Duration{"sample-for": o.together.Duration, "over": o.pending.Over, "lead": o.pending.Lead, "duration": o.duration} {
		if d < 2*time.Second {
			errs = append(errs, cli.FlagErrorf(flag, "must be at least 2s, is %s", d))
		}
	}
	if o.together.Every < time.Millisecond {
		errs = append(errs, cli.FlagErrorf("sample-every", "must be at least 1ms, is %s", o.together.Every))
	}
	return errors.Join(errs...)
}

func (o *timeOptions) run(ctx context.Context, b *bench.Config) error {
	for _, part := range []struct {
		name string
		on   bool
		run  func(context.Context, *bench.Config) error
	}{{"sampled", o.together.Rate > 0, o.sampled}, {"pending", o.pending.Count > 0, o.waiting}, {"before and after", o.before != "", o.beside}} {
		if part.on {
			if err := part.run(ctx, b); err != nil {
				return fmt.Errorf("%s: %w", part.name, err)
			}
		}
	}
	return nil
}

// sampled has a user's list hold all that comes for him.
func (o *timeOptions) sampled(ctx context.Context, b *bench.Config) error {
	c, t := *b, o.together
	t.Lead, t.Streams = 5*time.Second, o.pending.Streams
	c.Users = max(t.Streams, int(t.Duration.Seconds()*float64(t.Rate))/50+1)
	r, err := t.Run(ctx, &c)
	if err != nil {
		return err
	}
	b.Print("%d scheduled events at %d/s for %d users: %d samples of badge and list (%d due while all readers were busy), %d of them of one version and x, apart: %d", r.Events, t.Rate, c.Users, r.Samples, r.Missed, r.Same, r.Apart)
	b.Print("due to stream: %s", summary(r.Late))
	if r.Apart > 0 {
		return fmt.Errorf("badge and list were apart: %s", r.First)
	}
	return nil
}

func (o *timeOptions) waiting(ctx context.Context, b *bench.Config) error {
	r, err := o.pending.Run(ctx, b)
	if err != nil {
		return err
	}
	n := float64(o.pending.Count)
	b.Print("%d pending: heap %.1f MiB, %.1f without their times: %.1f B each; start %.2f s, without %.2f s; all armed %.2f s after exec", o.pending.Count, r.Heap, r.BareHeap, (r.Heap-r.BareHeap)*(1<<20)/n, r.Start.Seconds(), r.BareStart.Seconds(), r.Armed.Seconds())
	b.Print("live events at %d/s while all wait:     %s", o.pending.Rate, summary(r.Quiet))
	b.Print("live events at %d/s as all come due in %s: %s", o.pending.Rate, o.pending.Over, summary(r.Busy))
	b.Print("rows were settled %.1f s after the first was due, %.0f touches and %.0f again, the latest timer %.1f s overdue", r.Settled.Seconds(), r.Fired, r.Again, r.Late.Seconds())
	return nil
}

// beside measures both builds in turn.
func (o *timeOptions) beside(ctx context.Context, b *bench.Config) error {
	path, err := buildRevision(ctx, o.before, b.Dir)
	if err != nil {
		return err
	}
	builds := []struct{ name, path string }{{"before", path}, {"now", b.Belfry}}
	type figuresOf struct{ steady, cpu, p50, p99 []float64 }
	found := map[string]*figuresOf{}
	for round := range o.rounds {
		for _, build := range builds {
			c := *b
			c.Belfry = build.path
			f := found[build.name]
			if f == nil {
				f = &figuresOf{}
				found[build.name] = f
			}
			name := fmt.Sprintf("%s-%d", build.name, round)
			up, err := c.CatchUp(ctx, name, c.BelfryProcessor("unread"), o.events)
			if err != nil {
				return fmt.Errorf("%s: %w", build.name, err)
			}
			c.Users = o.pending.Streams
			delays, err := c.Latency(ctx, name+"-live", c.BelfryProcessor("unread"), true, bench.Route{Journal: true, Rate: o.pending.Rate, Duration: o.duration})
			if err != nil {
				return fmt.Errorf("%s: %w", build.name, err)
			}
			slices.Sort(delays)
			f.steady, f.cpu = append(f.steady, cmp.Or(up.Steady, up.Total)), append(f.cpu, cmp.Or(up.SteadyCPU, up.CPU))
			f.p50, f.p99 = append(f.p50, figures.Quantile(delays, .5).Seconds()*1000), append(f.p99, figures.Quantile(delays, .99).Seconds()*1000)
		}
	}
	for _, build := range builds {
		c, f := *b, found[build.name]
		c.Belfry = build.path
		rows, err := scheduled.RowSizes(ctx, &c, build.name+"-rows", o.events/3)
		if err != nil {
			return fmt.Errorf("%s: %w", build.name, err)
		}
		b.Print("%-6s (median of %d): catching up %.0f/s, %.1f CPU-s a million; journal to stream p50 %.1f ms, p99 %.1f ms; %d rows of %.2f B", build.name, o.rounds,
			figures.Median(f.steady), figures.Median(f.cpu), figures.Median(f.p50), figures.Median(f.p99), rows.Count, float64(rows.Bytes)/float64(rows.Count))
	}
	return nil
}
