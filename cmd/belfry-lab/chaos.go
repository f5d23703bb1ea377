package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/chaos"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

// chaosOptions are one call of belfry-lab chaos.
type chaosOptions struct {
	belfryOptions
	kafka      options.Kafka
	seed       uint64
	seeds      int
	duration   time.Duration
	users      int
	rate       int
	partitions int
	inboxCap   int
	keep       bool

	// kafkaArgs are the flags by which the processes reach Kafka.
	kafkaArgs []string
}

func chaosCommand(p *cli.Program) *cobra.Command {
	var o chaosOptions
	c := &cobra.Command{
		Use:   "chaos",
		Short: "Run Belfry under faults and prove that nothing is lost, doubled or wrong",
		Long: `Run three processors and two servers of this program as processes on the given
brokers, with senders, users and readers of all kinds, while faults come by a
schedule that the seed decides: processes are killed, terminated, paused for
longer than their session lasts, restarted in turn, and lose their state folder
or find it damaged. Then compare what was acknowledged, and every single answer
that a client got, with what the journal says it must have been.

The brokers are left alone. Topics and groups have names of their own, which
begin with --prefix, the word chaos and the seed, and are deleted in the end;
nothing else on the cluster is touched. The exit code is 1 if anything is wrong;
then the history of a user who shows it is printed, and logs and topics stay.`,
		Example: `  belfry-lab chaos --brokers 127.0.0.1:9092
  belfry-lab chaos --brokers kafka:9092 --seed 7 --seeds 10 --duration 3m`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return runChaos(cmd.Context(), p, &o)
		},
	}
	fs := c.Flags()
	o.kafka.AddFlags(fs)
	o.belfryOptions.AddFlags(fs)
	fs.Uint64Var(&o.seed, "seed", 1, "what decides the schedule; the same seed gives the same faults")
	fs.IntVar(&o.seeds, "seeds", 1, "how many seeds to run, one after the other")
	fs.DurationVar(&o.duration, "duration", time.Minute, "how long there are events and faults for each seed")
	fs.IntVar(&o.users, "users", 120, "how many users the events are for")
	fs.IntVar(&o.rate, "rate", 200, "events per second")
	fs.IntVar(&o.partitions, "partitions", 6, "partitions of each topic")
	fs.IntVar(&o.inboxCap, "inbox-cap", 50, "items a user keeps, the oldest go; few, so that inboxes fill up")
	fs.BoolVar(&o.keep, "keep", false, "keep topics, state folders and logs in any case")
	return c
}

func (o *chaosOptions) Validate() error {
	if err := o.kafka.Validate(); err != nil {
		return err
	}
	for _, f := range []struct {
		name     string
		n, least int
	}{{"seeds", o.seeds, 1}, {"users", o.users, 1}, {"rate", o.rate, 1}, {"partitions", o.partitions, 1}} {
		if err := atLeast(f.name, f.n, f.least); err != nil {
			return err
		}
	}
	if o.duration < chaos.MinDuration {
		return cli.FlagErrorf("duration", "must be at least %s, is %s", chaos.MinDuration, o.duration)
	}
	if o.partitions > options.MaxPartitions {
		return cli.FlagErrorf("partitions", "must be at most %d, is %d", options.MaxPartitions, o.partitions)
	}
	if err := options.CheckInboxCap(o.inboxCap); err != nil {
		return err
	}
	// The prefix of a run is longer than that of --prefix.
	if err := o.runPrefix(o.seed, time.Now()).Check(); err != nil {
		return cli.FlagErrorf("prefix", "%w", cli.Problem(err))
	}
	return nil
}

// runPrefix begins the names of the topics of one run. Nobody has made such
// topics before: they are deleted in the end.
func (o *chaosOptions) runPrefix(seed uint64, at time.Time) belfry.Prefix {
	return belfry.Prefix(fmt.Sprintf("%s-chaos-%d-%d", o.kafka.Prefix, seed, at.Unix()))
}

func runChaos(ctx context.Context, p *cli.Program, o *chaosOptions) (err error) {
	dir, err := os.MkdirTemp("", "belfry-chaos-")
	if err != nil {
		return fmt.Errorf("make a folder for the program: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, err := o.find(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Stdout, "chaos: %s; %d seeds from %d on, %s each\n", machine(), o.seeds, o.seed, o.duration)
	broken := 0
	for i := range o.seeds {
		ok, err := chaosSeed(ctx, p, o, binary, o.seed+uint64(i))
		if err != nil {
			return err
		}
		if !ok {
			broken++
		}
	}
	if broken > 0 {
		return fmt.Errorf("%d of %d seeds found something broken", broken, o.seeds)
	}
	return nil
}

// chaosSeed runs one seed and reports whether all was well.
func chaosSeed(ctx context.Context, p *cli.Program, o *chaosOptions, binary string, seed uint64) (ok bool, err error) {
	dir, err := os.MkdirTemp("", fmt.Sprintf("belfry-chaos-%d-", seed))
	if err != nil {
		return false, fmt.Errorf("make a folder for state and logs: %w", err)
	}
	defer func() {
		if o.keep || !ok && err == nil {
			fmt.Fprintf(p.Stdout, "logs and state folders are in %s\n", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	cfg := chaos.Config{
		Binary: binary, Dir: dir, KafkaArgs: o.kafkaArgs,
		Kafka:  o.kafka.Config(filepath.Join(dir, "runner"), slog.New(slog.DiscardHandler)),
		Prefix: o.runPrefix(seed, time.Now()), Keep: o.keep,
		Seed: seed, Duration: o.duration, Users: o.users, Rate: o.rate, Partitions: o.partitions, Cap: o.inboxCap,
		Progress: p.Stdout,
	}
	verdict, err := chaos.RunAndCheck(ctx, cfg, p.Stdout)
	if err != nil {
		return false, err
	}
	if !verdict.Ok() {
		fmt.Fprintf(p.Stdout, "repeat it with: belfry-lab chaos --brokers %s --seed %d --duration %s --users %d --rate %d --partitions %d --inbox-cap %d\n",
			strings.Join(o.kafka.Brokers, ","), seed, o.duration, o.users, o.rate, o.partitions, o.inboxCap)
	}
	return verdict.Ok(), nil
}
