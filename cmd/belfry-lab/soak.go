package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/cli"
)

func benchSoakCommand(p *cli.Program) *cobra.Command {
	var (
		o   measureOptions
		s   bench.SoakConfig
		out string
	)
	c := &cobra.Command{
		Use:   "soak",
		Short: "Load processors and a server for long and see that nothing grows",
		Long: fmt.Sprintf(`Run two processor processes and a server under a steady load by way of the
notifications topic, with open streams and polls, and sample the memory,
goroutines, open files and state folder of each. The samples go to soak.csv and
soak.svg in the folder of --out. A quantity is flat if the line of least squares
through the last two thirds of its samples rises by no more than %.0f %% of their
mean; the first third is for inboxes and stores to fill. The exit code is 1 if one
is not flat, a process ended by itself, or events were left unprocessed.`, 100*figures.MostGrowth),
		Example: `  belfry-lab bench soak --brokers 127.0.0.1:9092 --duration 30m --out docs/bench`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.Validate(), atLeast("rate", s.Rate, 1), atLeast("streams", s.Streams, 0), atLeast("pollers", s.Pollers, 0)); err != nil {
				return err
			}
			if s.Every < 100*time.Millisecond {
				return cli.FlagErrorf("every", "must be at least 100ms, is %s", s.Every)
			}
			if s.Duration < 3*s.Every {
				return cli.FlagErrorf("duration", "must be at least three times --every, is %s", s.Duration)
			}
			if info, err := os.Stat(out); err != nil || !info.IsDir() {
				return cli.FlagErrorf("out", "%s is not a folder", out)
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return measureWith(cmd.Context(), p, &o, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "soak: %s\n%s; %d events/s for %s, %d users, %d partitions, %d streams, %d pollers\n",
					machine(), brokersOfFlag, s.Rate, s.Duration, o.users, o.partitions, s.Streams, s.Pollers)
				return benchSoak(cmd.Context(), p, b, s, out)
			})
		},
	}
	o.addMeasureFlags(c)
	users := c.Flags().Lookup("users")
	o.users, users.DefValue = 2000, "2000"
	c.Flags().IntVar(&s.Rate, "rate", 2000, "events a second")
	c.Flags().DurationVar(&s.Duration, "duration", 30*time.Minute, "how long to send")
	c.Flags().DurationVar(&s.Every, "every", 10*time.Second, "time between two samples")
	c.Flags().IntVar(&s.Streams, "streams", 20, "open streams")
	c.Flags().IntVar(&s.Pollers, "pollers", 20, "clients that poll a badge once a second")
	c.Flags().StringVar(&out, "out", ".", "`folder` for soak.csv and soak.svg")
	return c
}

func benchSoak(ctx context.Context, p *cli.Program, b *bench.Config, s bench.SoakConfig, out string) error {
	r, err := b.Soak(ctx, s)
	if err != nil {
		return err
	}
	title := fmt.Sprintf("%d events/s for %s", s.Rate, s.Duration)
	err = errors.Join(
		writeTo(filepath.Join(out, "soak.csv"), func(w io.Writer) error { return figures.WriteCSV(w, r.Samples) }),
		writeTo(filepath.Join(out, "soak.svg"), func(w io.Writer) error { return figures.WriteSVG(w, title, r.Samples) }),
	)
	if err != nil {
		return err
	}
	b.Print("%d events sent, %d items out of streams, %d polls, %d clients refused or cut off", r.Sent, r.Items, r.Polls, r.Refused)
	table := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	grows := 0
	for _, t := range figures.Trends(r.Samples) {
		verdict := "flat"
		if !t.Flat() {
			verdict = "grows"
			grows++
		}
		fmt.Fprintf(table, "%s\t%s\tmean %.1f\t%+.1f %%\t%s\n", t.Process, t.Quantity, t.Mean, 100*t.Growth, verdict)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	switch {
	case r.Endings > 0:
		return fmt.Errorf("processes ended by themselves %d times", r.Endings)
	case r.Behind > 0:
		return fmt.Errorf("%d records were not processed a minute after the load", r.Behind)
	case grows > 0:
		return fmt.Errorf("%d quantities grow", grows)
	}
	b.Print("everything is flat")
	return nil
}

// writeTo creates a file, or empties one, and fills it.
func writeTo(path string, fill func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(fill(f), f.Close())
}
