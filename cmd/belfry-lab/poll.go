package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/server/auth"
)

func benchPollCommand(p *cli.Program) *cobra.Command {
	var (
		o       pushOptions
		polls   bench.Polls
		tables  []string
		batches = 500
	)
	c := &cobra.Command{
		Use:   "poll",
		Short: "Measure polls of a badge that find nothing new, beside a bare net/http handler",
		Long: `Poll badges that have not changed as fast as a server answers, over connections
that are kept, with a token for each user. Servers are processes of their own and
take turns: Belfry's; the same with --token-trust 0, which checks the signature of
a token each time instead of once a minute; and a bare net/http handler that checks
the same tokens, with the same library and by hand, and answers 304 without looking
anything up. Ratios are to the handler with the library. The first round does not
count; the figures are medians of the rest, processor time is the server's, and a
ratio compares what was measured in the same round. Each table has rows of its own.
Last, Belfry's server answers calls for 100 badges, one at a time.

It needs Linux, to see what a process takes.`,
		Example: `  belfry-lab bench poll
  belfry-lab bench poll --tables 10000x10 --rounds 9 --duration 5s`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			parsed, err := parseTables(tables)
			if err := errors.Join(o.Validate(), err, atLeast("connections", polls.Connections, 1), atLeast("rounds", polls.Rounds, 1),
				atLeast("batches", batches, 0)); err != nil {
				return err
			}
			if polls.Duration < 100*time.Millisecond {
				return cli.FlagErrorf("duration", "must be at least 100ms, is %s", polls.Duration)
			}
			if n, err := allowConnections(polls.Connections); err != nil {
				return err
			} else if n < polls.Connections {
				return cli.FlagErrorf("connections", "the system allows %d, see ulimit -n", n)
			}
			polls.Secret = rand.Text() + rand.Text()
			polls.Mint = func(user string, scopes ...string) (string, error) {
				return auth.Token{Subject: user, Scopes: scopes, TTL: 24 * time.Hour}.Sign([]byte(polls.Secret))
			}
			polls.Batches = batches
			return measurePush(p, cmd, &o, func(b *bench.Config) error {
				fmt.Fprintf(p.Stdout, "poll: %s\n%s; %d connections, %d rounds of %s\n", machine(), o.where, polls.Connections, polls.Rounds, polls.Duration)
				for _, table := range parsed {
					if err := b.Polls(cmd.Context(), polls, table); err != nil {
						return fmt.Errorf("%d users with %d items: %w", table.Users, table.Items, err)
					}
				}
				return nil
			})
		},
	}
	o.addPushFlags(c)
	fs := c.Flags()
	fs.IntVar(&polls.Connections, "connections", 64, "connections to poll over, one request at a time on each")
	fs.IntVar(&polls.Rounds, "rounds", 5, "how often the servers take turns")
	fs.DurationVar(&polls.Duration, "duration", time.Second, "how long each polls in a round")
	fs.StringSliceVar(&tables, "tables", []string{"1000x10", "10000x10", "100000x10", "1000x100"}, "what to poll, a `list` of USERSxITEMS")
	fs.IntVar(&batches, "batches", batches, "how many calls for 100 badges; 0 for none")
	return c
}

// parseTables reads the values of --tables.
func parseTables(values []string) ([]bench.PollTable, error) {
	var tables []bench.PollTable
	for _, v := range values {
		users, items, _ := strings.Cut(v, "x")
		u, err1 := strconv.Atoi(users)
		n, err2 := strconv.Atoi(items)
		if err1 != nil || err2 != nil || u < 1 || u > 1_000_000 || n < 0 || n > inbox.MaxCap {
			return nil, cli.FlagErrorf("tables", "must be USERSxITEMS such as 1000x10, with up to 1000000 users and %d items, not %.40q", inbox.MaxCap, v)
		}
		tables = append(tables, bench.PollTable{Users: u, Items: n})
	}
	if len(tables) == 0 {
		return nil, cli.FlagErrorf("tables", "at least one is required")
	}
	return tables, nil
}
