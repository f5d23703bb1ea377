package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/cli"
)

func benchLossesCommand(p *cli.Program) *cobra.Command {
	var (
		o measureOptions
		s bench.Schedule
	)
	c := &cobra.Command{
		Use:   "losses",
		Short: "Kill processors under load and compare what the tables hold with what was sent",
		Long: `Run two processor processes under a steady load into the journal, and kill them in
turn by SIGKILL; each is started again 2 s later with the state it had. When all
is processed, compare both tables with the events that the brokers acknowledged:
each must be in both exactly once, and every user's count of unread items be what
that user was sent. The peer runs twice, with --fold belfry and with --fold plain:
the first has Belfry's own fold, which knows a record that it gets twice, the
second takes each for a new one.`,
		Example: `  belfry-lab bench losses --brokers 127.0.0.1:9092
  belfry-lab bench losses --brokers 127.0.0.1:9092 --kills 3 --rate 8000 --peer ./plaingoka`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.Validate(), atLeast("rate", s.Rate, 1), atLeast("kills", s.Kills, 0)); err != nil {
				return err
			}
			if s.Duration < time.Second {
				return cli.FlagErrorf("duration", "must be at least 1s, is %s", s.Duration)
			}
			// Items that the cap has pushed out would look lost.
			if most := int(s.Duration.Seconds()*float64(s.Rate)) / o.users; most >= inbox.DefaultCap/2 {
				return cli.FlagErrorf("users", "%d of them get %d events each: have more users, so that nobody comes near the cap of %d even if everything comes twice", o.users, most, inbox.DefaultCap)
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return measureWith(cmd.Context(), p, &o, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "losses: %s\n%s; %d events/s for %s, %d users, %d partitions, %d SIGKILLs\n",
					machine(), brokersOfFlag, s.Rate, s.Duration, o.users, o.partitions, s.Kills)
				return benchLosses(cmd.Context(), p, b, o.foldedPrograms(b), s)
			})
		},
	}
	o.addMeasureFlags(c)
	o.addPeerFlag(c)
	c.Flags().IntVar(&s.Rate, "rate", 8000, "events a second")
	c.Flags().DurationVar(&s.Duration, "duration", 40*time.Second, "how long to send")
	c.Flags().IntVar(&s.Kills, "kills", 3, "how many SIGKILLs, at even distances")
	s.Downtime, s.Patience = 2*time.Second, 2*time.Minute
	return c
}

// foldedPrograms are those of programs, the peer once for each fold.
func (o *measureOptions) foldedPrograms(b *bench.Config) []bench.Program {
	var folded []bench.Program
	for i, program := range o.programs(b) {
		if i == 0 {
			folded = append(folded, program)
			continue
		}
		for _, fold := range []string{"belfry", "plain"} {
			folded = append(folded, bench.Program{Name: program.Name + " --fold " + fold, Path: program.Path, Args: []string{"--fold", fold}})
		}
	}
	return folded
}

func benchLosses(ctx context.Context, p *cli.Program, b *bench.Config, programs []bench.Program, s bench.Schedule) error {
	table := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "program\tsent\tinbox: once\tlost\tdoubled\trows: once\tlost\tdoubled\twrong counts\tin one table only\tunprocessed\tdrained after\tended by itself")
	for i, program := range programs {
		l, err := b.Losses(ctx, fmt.Sprintf("losses-%d", i), program, s)
		if err != nil {
			return fmt.Errorf("%s: %w", program.Name, err)
		}
		if n := l.Inbox.Strange + l.Rows.Strange; n > 0 {
			return fmt.Errorf("%s: the tables hold %d items that nobody sent", program.Name, n)
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f s\t%d\n", program.Name, l.Sent,
			l.Inbox.Exact, l.Inbox.Lost, l.Inbox.Doubled, l.Rows.Exact, l.Rows.Lost, l.Rows.Doubled,
			l.Wrong, l.Apart, l.Behind, l.Drained.Seconds(), l.Endings)
	}
	return table.Flush()
}
