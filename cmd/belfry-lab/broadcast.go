package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/bench/announced"
	"github.com/belfry/belfry/internal/cli"
)

func benchBroadcastCommand(p *cli.Program) *cobra.Command {
	var (
		o measureOptions
		a announced.Comparison
	)
	c := &cobra.Command{
		Use:   "broadcast",
		Short: "Measure a notice to everybody beside the same written to each user",
		Long: `Have each of --users get a notification, and then send a notice to everybody: told
are the records that it writes, the time from the call until users of every partition
are shown it, and how many of --samples users had it not in a list that was read then.
Then the same is written to --copies users one by one.`,
		Example: `  belfry-lab bench broadcast --brokers 127.0.0.1:9092 --users 1000000 --partitions 12 | tee docs/bench/broadcast.txt`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.Validate(), atLeast("samples", a.Samples, 1), atLeast("copies", a.Copies, a.Samples)); err != nil {
				return err
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return measureWith(cmd.Context(), p, &o, func(b *bench.Config) error {
				if a.Copies > b.Users {
					return cli.FlagErrorf("copies", "must be at most --users, is %d", a.Copies)
				}
				fmt.Fprintf(p.Stdout, "broadcast: %s\n%s; %s; %d users, %d partitions\n", machine(), brokersOfFlag, load(), b.Users, b.Partitions)
				got, err := a.Run(cmd.Context(), b)
				if err != nil {
					return err
				}
				for _, of := range []struct {
					what string
					announced.Cost
				}{{"a notice to everybody", got.Notice}, {fmt.Sprintf("copies to %d users", a.Copies), got.Copies}} {
					b.Print("%-24s %d journal records, %d rows, %d contents; answered after %.3f s, shown in every partition after %.3f s; %.2f CPU-s of processor and server", of.what+":",
						of.Journal, of.Rows, of.Contents, of.Answered.Seconds(), of.Shown.Seconds(), of.CPU.Seconds())
					b.Print("%-24s %d lists read then in %.2f s, %d without it", "", a.Samples, of.Listed.Seconds(), of.Missing)
				}
				return nil
			})
		},
	}
	o.addMeasureFlags(c)
	fs := c.Flags()
	fs.IntVar(&a.Samples, "samples", 10_000, "users whose lists are read")
	fs.IntVar(&a.Copies, "copies", 1_000_000, "users who are written to one by one")
	return c
}
