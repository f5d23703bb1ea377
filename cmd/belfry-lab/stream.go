package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/cli"
)

// streamPing is how often a stream says that it is alive: processor time over
// less tells nothing.
const streamPing = 20 * time.Second

func benchStreamCommand(p *cli.Program) *cobra.Command {
	var (
		o      pushOptions
		s      bench.Streams
		rounds int
	)
	c := &cobra.Command{
		Use:   "stream",
		Short: "Measure open streams: memory, idle processor time, delivery, beside plain net/http",
		Long: `Open streams of many users in steps, and measure what a server takes in memory for
each, how fast they open, what they cost while nothing happens but pings, and how
long an event takes from the brokers' acknowledgement in the journal until the
badge with it has been read from its user's stream: at each of --rates, and with
one user who has --hot streams and gets --hot-rate events a second beside the
rest.

Servers are processes of their own, on one installation with a processor, and take
turns: Belfry's, and a plain net/http handler that follows the same table, keeps
each user's newest badge and wakes the user's connections by a channel of one slot.
The handler sends the badge alone; Belfry sends the item too, waits for its content
and can tell a client what it missed. Memory is what is resident, over what it was
after some streams had come and gone; no collection is forced.

It needs Linux, to see what a process takes, and without --http2 as many open files
as streams.`,
		Example: `  belfry-lab bench stream
  belfry-lab bench stream --steps 1000,10000 --connections 10000 --rates 500 --rounds 3
  belfry-lab bench stream --steps 20000 --connections 20000 --rates 500 --idle 0s --hot 0 --notice
  belfry-lab bench stream --http2 --steps 1000 --connections 1000`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(o.Validate(), validateStreams(&s), atLeast("rounds", rounds, 1)); err != nil {
				return err
			}
			most := slices.Max(append(slices.Clone(s.Steps), s.Connections+s.Hot))
			s.Limits = limitsFor(most, s.Hot)
			allowed := most
			if !s.HTTP2 { // over HTTP/2 many streams are one connection
				var err error
				if allowed, err = allowConnections(most); err != nil {
					return err
				}
			}
			if allowed < s.Connections+s.Hot {
				return cli.FlagErrorf("connections", "the system allows %d, with those of --hot; see ulimit -n", allowed)
			}
			return measurePush(p, cmd, &o, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "stream: %s\n%s; %d partitions, %s\n", machine(), o.where, o.partitions, protocolOf(&s))
				if last := len(s.Steps) - 1; s.Steps[last] > allowed {
					fmt.Fprintf(p.Stdout, "the system allows %d connections (ulimit -n), not %d\n", allowed, s.Steps[last])
					s.Steps[last] = allowed
				}
				return b.Streams(cmd.Context(), s, rounds)
			})
		},
	}
	o.addPushFlags(c)
	fs := c.Flags()
	fs.IntSliceVar(&s.Steps, "steps", []int{1000, 5000, 10_000, 20_000}, "how many streams to measure memory at, rising")
	fs.IntVar(&s.Connections, "connections", 10_000, "how many of them, one of --steps, to measure the rest with")
	fs.DurationVar(&s.Settle, "settle", 3*time.Second, "how long to wait before memory is measured")
	fs.DurationVar(&s.Idle, "idle", streamPing, "over how long to measure idle processor time; 0s for not at all")
	fs.IntSliceVar(&s.Rates, "rates", []int{500, 2000}, "events a second to measure delivery at")
	fs.DurationVar(&s.Duration, "duration", 10*time.Second, "how long each of them lasts")
	fs.IntVar(&s.Hot, "hot", 1000, "streams of the one user who has many; 0 for none")
	fs.IntVar(&s.HotRate, "hot-rate", 200, "events a second of that user")
	fs.BoolVar(&s.Notice, "notice", false, "send a notice to everybody beside the first of --rates, once more")
	fs.BoolVar(&s.TLS, "tls", false, "over TLS")
	fs.BoolVar(&s.HTTP2, "http2", false, "over HTTP/2, without --tls over h2c")
	fs.IntVar(&rounds, "rounds", 1, "how often the servers take turns")
	return c
}

func protocolOf(s *bench.Streams) string {
	name := "HTTP/1.1"
	if s.HTTP2 {
		name = "HTTP/2"
	}
	if s.TLS {
		name += " over TLS"
	}
	return name
}

func validateStreams(s *bench.Streams) error {
	errs := []error{
		atLeast("connections", s.Connections, 1), atLeast("hot", s.Hot, 0), atLeast("hot-rate", s.HotRate, 1),
	}
	if len(s.Steps) == 0 || s.Steps[0] < 1 || !slices.IsSorted(s.Steps) || len(slices.Compact(slices.Clone(s.Steps))) != len(s.Steps) {
		errs = append(errs, cli.FlagErrorf("steps", "must be whole numbers above 0 that rise, not %v", s.Steps))
	} else if !slices.Contains(s.Steps, s.Connections) {
		errs = append(errs, cli.FlagErrorf("connections", "must be one of --steps, not %d", s.Connections))
	}
	for _, rate := range s.Rates {
		errs = append(errs, atLeast("rates", rate, 1))
	}
	if s.Settle < 0 || s.Idle < 0 {
		errs = append(errs, cli.FlagErrorf("idle", "and --settle must not be negative"))
	}
	if s.Duration < time.Second {
		errs = append(errs, cli.FlagErrorf("duration", "must be at least 1s, is %s", s.Duration))
	}
	return errors.Join(errs...)
}

// limitsFor are the flags by which a server takes that many streams in all, from
// one address, and of one user.
func limitsFor(most, ofOne int) (flags []string) {
	for _, limit := range []struct {
		flag string
		n    int
	}{{"max-streams", most}, {"max-streams-per-user", ofOne}, {"max-streams-per-address", most}} {
		// Twice, since what comes and what goes may overlap.
		flags = append(flags, "--"+limit.flag, strconv.Itoa(max(2*limit.n, 100)))
	}
	return flags
}
