package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/bench/plain"
	"github.com/belfry/belfry/internal/child"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
)

// pushOptions are those of the benchmarks that run servers as processes, on any
// brokers or on an embedded one in a process of its own.
type pushOptions struct {
	measureOptions
	where string // set once the brokers are there
}

func (o *pushOptions) addPushFlags(c *cobra.Command) {
	fs := c.Flags()
	o.kafka.AddFlags(fs)
	o.belfryOptions.AddFlags(fs)
	fs.Lookup("brokers").Usage = "Kafka brokers, a `list` of host:port; an embedded broker in a process of its own if absent"
	fs.IntVar(&o.partitions, "partitions", 6, "partitions of each topic")
	o.users = 1 // each measurement has its own
}

func (o *pushOptions) Validate() error {
	if err := o.benchOptions.Validate(); err != nil {
		return err
	}
	// Each installation of a run adds its name.
	if err := (o.runPrefix(time.Now()) + "-poll-100000-1000").Check(); err != nil {
		return cli.FlagErrorf("prefix", "%w", cli.Problem(err))
	}
	return nil
}

// clientGarbage is the GOGC of the lab while it is the clients of what it measures: with
// 20,000 streams its collector took both cores for 100 ms now and then, beside servers
// that were idle. Servers, processors and brokers are processes of their own.
const clientGarbage = 800

// measurePush is measure on brokers that are started if there are none.
func measurePush(p *cli.Program, cmd *cobra.Command, o *pushOptions, run func(*bench.Config) error) (err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(clientGarbage))
	o.kafkaArgs = kafkaArgs(cmd.Flags())
	o.where = brokersOfFlag
	if len(o.kafka.Brokers) == 0 {
		o.where = "embedded broker in a process of its own"
		addr, stop, startErr := o.childBroker(cmd.Context())
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, stop()) }()
		o.kafka.Brokers, o.kafkaArgs = []string{addr}, append(o.kafkaArgs, "--brokers="+addr)
	}
	return measureWith(cmd.Context(), p, &o.measureOptions, run)
}

// childBroker starts an embedded broker as a process and returns its address.
func (o *pushOptions) childBroker(ctx context.Context) (addr string, stop func() error, err error) {
	dir, err := os.MkdirTemp("", "belfry-bench-broker-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for the broker's log: %w", err)
	}
	remove := func() error { return os.RemoveAll(dir) }
	belfry, err := o.find(ctx, dir)
	if err != nil {
		return "", nil, errors.Join(err, remove())
	}
	o.belfry = belfry // the servers are of the same, which goes with the broker
	process, addr, err := child.StartBroker(ctx, filepath.Join(dir, "log"), belfry)
	if err != nil {
		return "", nil, errors.Join(err, remove())
	}
	return addr, func() error { return errors.Join(process.Kill(), remove()) }, nil
}

// otherFiles is how many files a process has open beside its connections, at
// most.
const otherFiles = 1000

// allowConnections raises the limit of open files of this process, and of those
// that it starts, to what n connections take at either end. It returns how many
// the system allows, n at most.
func allowConnections(n int) (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("ask for the limit of open files: %w", err)
	}
	// Only who is privileged may go beyond the hard limit.
	need := uint64(n + otherFiles)
	raised := syscall.Rlimit{Cur: max(need, limit.Cur), Max: max(need, limit.Max)}
	err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised)
	if err == nil {
		return n, nil
	}
	// Set in any case: what this process was started with is otherwise what its
	// children get.
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("raise the limit of open files: %w", err)
	}
	return min(n, int(limit.Max)-otherFiles), nil
}

// benchPlainCommand is the peer of the servers that are measured, a process of
// its own as they are.
func benchPlainCommand(p *cli.Program) *cobra.Command {
	var (
		kafka              options.Kafka
		addr, secret, dir  string
		certFile, certsKey string
		byHand             bool
	)
	c := &cobra.Command{
		Use:    "plain",
		Hidden: true,
		Short:  "Serve streams and polls as one writes them with net/http",
		Long: `Serve streams and polls as one writes them with net/http: the peer of bench stream
and bench poll, which start it themselves.`,
		Example: `  belfry-lab bench plain --brokers 127.0.0.1:9092 --addr 127.0.0.1:8081`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := kafka.Validate(); err != nil {
				return err
			}
			plain := &plain.Plain{
				Kafka: kafka.Config(dir, slog.New(slog.DiscardHandler)), Prefix: belfry.Prefix(kafka.Prefix),
				CertFile: certFile, KeyFile: certsKey, ByHand: byHand,
			}
			if secret != "" {
				jwt := options.JWT{SecretFile: secret}
				if err := jwt.Validate(); err != nil {
					return err
				}
				plain.Secret = jwt.Secret
			}
			ln, err := cli.Listen(cmd.Context(), "addr", addr)
			if err != nil {
				return err
			}
			return plain.Serve(cmd.Context(), ln)
		},
	}
	fs := c.Flags()
	kafka.AddFlags(fs)
	fs.StringVar(&addr, "addr", "127.0.0.1:0", "`host:port` to serve on")
	fs.StringVar(&dir, "state-dir", "", "`folder` that is not used")
	fs.StringVar(&secret, "jwt-secret-file", "", "`file` with the secret of tokens; none are asked for if absent")
	fs.BoolVar(&byHand, "by-hand", false, "check tokens without a library")
	fs.StringVar(&certFile, "tls-cert", "", "PEM `file` of the certificate; no TLS if absent")
	fs.StringVar(&certsKey, "tls-key", "", "PEM `file` of its key")
	return c
}
