package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/bench"
	versus "github.com/belfry/belfry/internal/bench/peers"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/internal/peers"
)

// gokaPackage is the peer on plain goka, as the go command names it.
const gokaPackage = "github.com/belfry/belfry/internal/plaingoka"

// peersOptions are those of bench peers.
type peersOptions struct {
	measureOptions
	users          []int
	events, rounds int
	zipf           float64
	threads, pid   int
	only, plot     string
	goka           string
}

func benchPeersCommand(p *cli.Program) *cobra.Command {
	var o peersOptions
	c := &cobra.Command{
		Use:   "peers",
		Short: "Measure Belfry beside Kafka Streams, plain goka and a bare loop, all in one run",
		Long: `For each number of users, each round and each program in turn: make topics, write all
events to its input, start it, and measure until it has committed all. Told are, as
median with the lowest and the highest round: events a second and processor time for a
million of them between a quarter and 95 % (steady) and from its start, what
the broker took if --broker-pid names it, the bytes that its logs grew by, and the
highest resident memory.

belfry          from the journal into both tables, and from notifications, which takes the router as well
streams         Kafka Streams, at least once and exactly once, on RocksDB and in memory, with and without
                its record cache; with contents in a table of its own, and with them left at their topic (one hop)
plain goka      the same fold on goka as its documentation has it
bare loop       reads, and writes a row of 1.5 KB and the record: the limit

All write with acks=all and idempotence, compress with lz4 and commit once a second (with transactions:
Kafka Streams' 100 ms). What is not on this machine is built: belfry and plain goka by the go command,
within the module, Kafka Streams by Maven and javac into the user's cache folder.`,
		Example: `  belfry-lab bench peers --brokers 127.0.0.1:9092 --broker-pid 4711 --plot docs/bench/peers.svg | tee docs/bench/peers.txt
  belfry-lab bench peers --brokers 127.0.0.1:9092 --users 10000 --only 'belfry|one hop'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			names, err := o.names()
			if err := errors.Join(err, o.Validate()); err != nil {
				return err
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return measureWith(cmd.Context(), p, &o.measureOptions, func(b *bench.Config) error { return o.run(cmd.Context(), p, b, names) })
		},
	}
	o.measureOptions.users = 1 // of the flag below, each in its turn
	fs := c.Flags()
	o.kafka.AddFlags(fs)
	fs.Lookup("brokers").Usage = "Kafka brokers, a `list` of host:port (required)"
	o.belfryOptions.AddFlags(fs)
	fs.IntVar(&o.partitions, "partitions", 4, "partitions of each topic")
	fs.IntSliceVar(&o.users, "users", []int{10_000, 200_000}, "how many users the events are for, a `list` of numbers that are measured one after the other")
	fs.IntVar(&o.events, "events", 1_000_000, "events that each program processes")
	fs.IntVar(&o.rounds, "rounds", 3, "how often each program is measured")
	fs.Float64Var(&o.zipf, "zipf", 1.1, "exponent of the law by which users get events, above 1; 0: users in turn")
	fs.IntVar(&o.threads, "threads", 2, "threads of Kafka Streams")
	fs.IntVar(&o.pid, "broker-pid", 0, "process `ID` of the only broker, on this machine, whose processor time is told")
	fs.StringVar(&o.only, "only", "", "measure the programs alone whose name matches this regular `expression`")
	fs.StringVar(&o.plot, "plot", "", "`file` for a plot of each number of users (SVG); the number goes before its extension")
	fs.StringVar(&o.goka, "goka", "", "`path` of a build of internal/plaingoka; built if absent")
	return c
}

// names are the programs to measure.
func (o *peersOptions) names() ([]string, error) {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return nil, cli.FlagErrorf("only", "is not a regular expression: %w", err)
	}
	names := slices.DeleteFunc(versus.Names(), func(name string) bool { return !only.MatchString(name) })
	if len(names) == 0 {
		return nil, cli.FlagErrorf("only", "matches none of %s", strings.Join(versus.Names(), "; "))
	}
	return names, nil
}

func (o *peersOptions) Validate() error {
	errs := []error{o.measureOptions.Validate(), atLeast("events", o.events, 1000), atLeast("rounds", o.rounds, 1), atLeast("threads", o.threads, 1)}
	if len(o.users) == 0 {
		errs = append(errs, cli.FlagErrorf("users", "name at least one number"))
	}
	for _, n := range o.users {
		errs = append(errs, atLeast("users", n, 2))
	}
	if o.zipf != 0 && !(o.zipf > 1 && o.zipf <= 10) {
		errs = append(errs, cli.FlagErrorf("zipf", "must be 0 or above 1 and at most 10, is %g", o.zipf))
	}
	return errors.Join(errs...)
}

func (o *peersOptions) run(ctx context.Context, p *cli.Program, b *bench.Config, names []string) error {
	cfg := &versus.Config{Config: *b, Events: o.events, Zipf: o.zipf, Threads: o.threads, BrokerPID: o.pid}
	var err error
	if cfg.Goka, err = o.findGoka(ctx, b.Dir, names); err != nil {
		return err
	}
	if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "streams") }) {
		if cfg.Streams, err = peers.BuildStreams(ctx); err != nil {
			return err
		}
	}
	for _, users := range o.users {
		cfg.Users = users
		title := fmt.Sprintf("%d events for %d users, %d partitions, Zipf %g, median of %d rounds (lowest–highest)", o.events, users, o.partitions, o.zipf, o.rounds)
		fmt.Fprintf(p.Stdout, "peers: %s\n%s; load of the machine before: %s\n%s\n", machine(), brokersOfFlag, load(), title)
		all := make([]versus.Measured, len(names))
		for round := range o.rounds {
			for i, name := range names {
				r, err := cfg.Run(ctx, fmt.Sprintf("peers-%d-%d-%d", users, round, i), name)
				if err != nil {
					return fmt.Errorf("round %d of %s: %w", round+1, name, err)
				}
				all[i].Name, all[i].Rounds = name, append(all[i].Rounds, r)
				b.Print("round %d, %s: steady %.0f/s, %.1f CPU-s a million; total %.0f/s, %.1f; peak %.0f MiB", round+1, name, r.Steady, r.SteadyCPU, r.Total, r.CPU, r.Memory)
			}
		}
		fmt.Fprintf(p.Stdout, "load of the machine after: %s\n\n%s\n", load(), versus.Table(all))
		if err := o.draw(title, users, all); err != nil {
			return err
		}
	}
	return nil
}

func (o *peersOptions) draw(title string, users int, all []versus.Measured) error {
	if o.plot == "" {
		return nil
	}
	ext := filepath.Ext(o.plot)
	f, err := os.Create(fmt.Sprintf("%s-%d%s", strings.TrimSuffix(o.plot, ext), users, ext))
	if err != nil {
		return cli.FlagErrorf("plot", "%w", err)
	}
	return errors.Join(versus.WriteSVG(f, title, all), f.Close())
}

// findGoka returns the path of the peer on plain goka, "" if none is measured.
func (o *peersOptions) findGoka(ctx context.Context, dir string, names []string) (string, error) {
	if !slices.Contains(names, "plain goka") {
		return "", nil
	}
	if o.goka != "" {
		return programAt("goka", o.goka)
	}
	path := filepath.Join(dir, "plaingoka")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, gokaPackage).CombinedOutput(); err != nil {
		return "", cli.FlagErrorf("goka", "go build %s failed: %w; name the path of one\n%s", gokaPackage, err, out)
	}
	return path, nil
}

func benchBareCommand(*cli.Program) *cobra.Command {
	var (
		kafka options.Kafka
		dir   string
	)
	c := &cobra.Command{
		Use:    "bare",
		Hidden: true,
		Short:  "Read a journal and write as much as a fold would",
		Long: `Read a journal and write as much as a fold would, without one: the limit of bench
peers and bench restore, which start it themselves.`,
		Example: `  belfry-lab bench bare --brokers 127.0.0.1:9092 --prefix acme`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := kafka.Validate(); err != nil {
				return err
			}
			return peers.Bare(cmd.Context(), kafka.Config(dir, slog.New(slog.DiscardHandler)), belfry.Prefix(kafka.Prefix))
		},
	}
	kafka.AddFlags(c.Flags())
	c.Flags().StringVar(&dir, "state-dir", "", "unused: every measured program takes it")
	return c
}
