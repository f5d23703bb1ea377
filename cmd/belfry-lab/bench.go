package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

func benchCommand(p *cli.Program) *cobra.Command {
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure this machine: rates, delays, gaps and losses under faults, starts",
		Long: `Measure Belfry on this machine. Throughput and latency run on an embedded broker
without --brokers: it is in the same process and takes its share of the
processors, so the figures are lower bounds for the machine and comparable with
each other only.

Poll and stream run servers of this program as processes of their own, beside
plain net/http handlers, on the brokers of --brokers or on an embedded one that is
a process as well.

All else runs this program as processes of their own on the brokers of --brokers,
and a peer beside it if --peer names one: a program with the flags of "belfry
processor". State and logs are in the temporary folder (TMPDIR) meanwhile. Each
run uses topics of its own; those of its processes are deleted in the end.`,
	}
	c.AddCommand(benchThroughputCommand(p), benchLatencyCommand(p), benchCatchUpCommand(p), benchGapCommand(p), benchLossesCommand(p),
		benchRestartCommand(p), benchRolloutCommand(p), benchScaleCommand(p),
		benchSoakCommand(p), benchRouterCommand(p), benchPollCommand(p), benchStreamCommand(p), benchLagCommand(p), benchPeersCommand(p), benchRestoreCommand(p), benchGrowthCommand(p), benchTimeCommand(p), benchBroadcastCommand(p),
		benchPlainCommand(p), benchBareCommand(p))
	return c
}

// benchOptions are those of every benchmark.
type benchOptions struct {
	kafka      options.Kafka
	partitions int
	users      int
}

func (o *benchOptions) addCommonFlags(c *cobra.Command) {
	fs := c.Flags()
	o.kafka.AddFlags(fs)
	fs.Lookup("brokers").Usage = "Kafka brokers, a `list` of host:port; an embedded broker if absent"
	fs.IntVar(&o.partitions, "partitions", belfry.DefaultPartitions, "partitions of each topic")
	fs.IntVar(&o.users, "users", 10_000, "how many users the events are for")
}

func (o *benchOptions) Validate() error {
	if err := atLeast("partitions", o.partitions, 1); err != nil {
		return err
	}
	if err := atLeast("users", o.users, 1); err != nil {
		return err
	}
	if o.partitions > options.MaxPartitions {
		return cli.FlagErrorf("partitions", "must be at most %d, is %d", options.MaxPartitions, o.partitions)
	}
	// The prefix of a run is longer than that of --prefix.
	if err := o.runPrefix(time.Now()).Check(); err != nil {
		return cli.FlagErrorf("prefix", "%w", cli.Problem(err))
	}
	if len(o.kafka.Brokers) == 0 {
		return nil
	}
	return o.kafka.Validate()
}

// runPrefix begins the names of the topics of one run.
func (o *benchOptions) runPrefix(at time.Time) belfry.Prefix {
	return belfry.Prefix(fmt.Sprintf("%s-bench-%d", o.kafka.Prefix, at.UnixNano()))
}

func atLeast(flag string, n, least int) error {
	if n < least {
		return cli.FlagErrorf(flag, "must be at least %d, is %d", least, n)
	}
	return nil
}

// benchPlace is a place to measure on in this process: topics of its own and a state folder that
// goes with it.
type benchPlace struct {
	engine kafka.Config
	prefix belfry.Prefix
	broker *broker.Broker // nil: somebody else's
	dir    string
}

func (o *benchOptions) open(ctx context.Context) (b *benchPlace, err error) {
	b = &benchPlace{prefix: o.runPrefix(time.Now())}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if b.dir, err = os.MkdirTemp("", "belfry-bench-"); err != nil {
		return b, fmt.Errorf("make a folder for the benchmark's state: %w", err)
	}
	quiet := slog.New(slog.DiscardHandler)
	if len(o.kafka.Brokers) == 0 {
		if b.broker, err = broker.Start(broker.Config{Addr: "127.0.0.1:0", Logger: quiet}); err != nil {
			return b, fmt.Errorf("start the embedded broker: %w", err)
		}
		o.kafka.Brokers = b.broker.Addrs()
	}
	b.engine = o.kafka.Config(b.dir, quiet)
	topics := options.Topics{Partitions: o.partitions}
	_, err = topics.Ensure(ctx, b.engine, b.prefix, &options.Requests{})
	return b, err
}

func (b *benchPlace) Close() error {
	var errs []error
	if b.broker != nil {
		errs = append(errs, b.broker.Close())
	}
	if b.dir != "" {
		errs = append(errs, os.RemoveAll(b.dir))
	}
	return errors.Join(errs...)
}

func (b *benchPlace) where() string {
	if b.broker != nil {
		return "embedded broker in this process"
	}
	return "brokers of --brokers"
}

// machine is the line that every result begins with.
func machine() string {
	return fmt.Sprintf("%s %s/%s, GOMAXPROCS %d, %s", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), cli.VersionText("belfry-lab", version))
}

// cpuTime is what this process has used so far, user and system.
func cpuTime() time.Duration {
	var u syscall.Rusage
	// The call fails for a bad address or target only.
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func summary(delays []time.Duration) string {
	slices.Sort(delays)
	ms := func(q float64) float64 { return float64(figures.Quantile(delays, q).Microseconds()) / 1000 }
	return fmt.Sprintf("p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, max %.1f ms (%d)", ms(.5), ms(.9), ms(.99), ms(1), len(delays))
}
