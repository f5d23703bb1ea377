package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/cli"
)

func benchScaleCommand(p *cli.Program) *cobra.Command {
	var (
		o   measureOptions
		s   bench.Scale
		out string
	)
	c := &cobra.Command{
		Use:   "scale",
		Short: "Have more and more processors work on a backlog: rate, lag and shares over time",
		Long: `Fill the journal, start one processor, and another one from time to time until
there are --processors. Each second tells the rows that were written to both
tables, the lag of both groups, how the partitions are shared, and for how long
the partition that has stood still for longest has, of those with a backlog. On a
machine whose processors one process keeps busy the rate cannot rise: what is
shown then is that the work spreads and that nothing stops.`,
		Example: `  belfry-lab bench scale --brokers 127.0.0.1:9092 --partitions 12 --out docs/bench`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.Validate(), atLeast("events", s.Events, 1), atLeast("processors", s.Processors, 1)); err != nil {
				return err
			}
			if s.Every < time.Second {
				return cli.FlagErrorf("every", "must be at least 1s, is %s", s.Every)
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return measureWith(cmd.Context(), p, &o, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "scale: %s\n%s; %d events in the journal, %d users, %d partitions, 1 to %d processors, one more each %s\n",
					machine(), brokersOfFlag, s.Events, o.users, o.partitions, s.Processors, s.Every)
				return benchScale(cmd.Context(), p, b, s, out)
			})
		},
	}
	o.addMeasureFlags(c)
	fs := c.Flags()
	partitions := fs.Lookup("partitions")
	o.partitions, partitions.DefValue = 12, "12"
	fs.IntVar(&s.Events, "events", 1_500_000, "events in the backlog")
	fs.IntVar(&s.Processors, "processors", 4, "processors in the end")
	fs.DurationVar(&s.Every, "every", 15*time.Second, "time until the next processor joins")
	fs.StringVar(&out, "out", "", "`folder` for scale.svg; none if empty")
	return c
}

func benchScale(ctx context.Context, p *cli.Program, b *bench.Config, s bench.Scale, out string) error {
	b.Print("%4s %10s %9s %9s %10s %7s  %s", "s", "processors", "unread/s", "inbox/s", "lag", "still s", "partitions of each")
	s.Sampled = func(at bench.Second) {
		shares := make([]string, len(at.Shares))
		for i, n := range at.Shares {
			shares[i] = fmt.Sprint(n)
		}
		b.Print("%4.0f %10d %9.0f %9.0f %10.0f %7.1f  %s", at.At.Seconds(), at.Processors,
			at.Rows["unread"], at.Rows["inbox"], at.Lag, at.Still.Seconds(), strings.Join(shares, " "))
	}
	r, err := b.Scale(ctx, "scale", s)
	if err != nil {
		return err
	}
	var longest strings.Builder
	for n := range s.Processors {
		fmt.Fprintf(&longest, "; with %d %.1f s", n+1, r.Longest[n+1].Seconds())
	}
	b.Print("longest standstill of a partition with a backlog%s", longest.String())
	b.Print("%d events processed in %.1f s, %d left; processes ended by themselves %d times", s.Events, r.Took.Seconds(), r.Left, r.Endings)
	if out != "" {
		title := fmt.Sprintf("%d events, 1 to %d processors, one more each %s", s.Events, s.Processors, s.Every)
		err := writeTo(filepath.Join(out, "scale.svg"), func(w io.Writer) error {
			return figures.WriteSVG(w, title, r.Samples, bench.ScaleQuantities()...)
		})
		if err != nil {
			return err
		}
	}
	if r.Left > 0 {
		return fmt.Errorf("%d records were not processed", r.Left)
	}
	return nil
}
