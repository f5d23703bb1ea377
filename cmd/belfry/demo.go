package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/node"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/auth"
)

// demoPartitions are enough to show that work spreads, and start fast.
const demoPartitions = 4

func demoCommand(p *cli.Program) *cobra.Command {
	var (
		addr       string
		brokerAddr string
		dataDir    string
		rate       float64
		log        options.Log
	)
	c := &cobra.Command{
		Use:     "demo",
		GroupID: cli.GroupStart,
		Short:   "Everything in one process, with sample traffic, to look at and try out",
		Long: `Run everything in one process on the embedded broker, with the traffic of a
small company for a handful of users, in English and Korean. There is no
authentication, so it listens on loopback only. It keeps nothing when it ends,
unless --data-dir names a folder.`,
		Example: `  belfry demo
  belfry demo --rate 0 --addr 127.0.0.1:8081
  belfry demo --data-dir ./demo-data`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cli.CheckHostPort(addr, 0); err != nil {
				return cli.FlagErrorf("addr", "%w", err)
			}
			if !cli.IsLoopback(addr) {
				return cli.FlagErrorf("addr", "the demo lets everybody in: it listens on loopback only, for example %s", options.DefaultAddr)
			}
			if err := cli.CheckHostPort(brokerAddr, 0); err != nil {
				return cli.FlagErrorf("broker-addr", "%w", err)
			}
			if rate != 0 && !(rate >= minDemoRate && rate <= maxDemoRate) { // NaN is neither
				return cli.FlagErrorf("rate", "must be 0, or %g to %d events a second, is %g", minDemoRate, maxDemoRate, rate)
			}
			// The demo speaks on stdout; its log is for what goes wrong.
			if !cmd.Flags().Changed("log-level") {
				log.Level.Value = "warn"
			}
			logger, err := log.Logger(p.Stderr)
			if err != nil {
				return err
			}
			ln, err := cli.Listen(cmd.Context(), "addr", addr)
			if err != nil {
				return err
			}
			cfg := node.Config{
				Prefix: belfry.DefaultPrefix, Groups: node.AllGroups(), API: ln, Server: server.Config{Auth: auth.None()}, Grace: demoGrace, Log: logger,
			}
			return runDemo(cmd.Context(), p, cfg, broker.Config{Addr: brokerAddr, DataDir: dataDir, Logger: logger}, rate)
		},
	}
	fs := c.Flags()
	fs.StringVar(&addr, "addr", options.DefaultAddr, "loopback `host:port` to serve the page and the API on")
	fs.StringVar(&brokerAddr, "broker-addr", broker.DefaultAddr, "`host:port` of the embedded broker; port 0 is any free one")
	fs.Float64Var(&rate, "rate", 2, "sample events a second; 0 for none")
	fs.StringVar(&dataDir, "data-dir", "", "`folder` to keep everything in over restarts; nothing is kept if absent")
	log.AddFlags(fs)
	return c
}

const (
	demoGrace   = 5 * time.Second
	minDemoRate = 0.001
	maxDemoRate = 10_000
)

func runDemo(ctx context.Context, p *cli.Program, cfg node.Config, bc broker.Config, rate float64) (err error) {
	handedOver := false
	defer func() {
		if !handedOver {
			err = errors.Join(err, cfg.API.Close())
		}
	}()
	state, cleanup, err := demoState(bc.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanup()) }()
	if bc.DataDir != "" {
		bc.DataDir = filepath.Join(bc.DataDir, "broker")
	}
	b, err := broker.Start(bc)
	if err != nil {
		return fmt.Errorf("start the embedded broker (another --broker-addr or --data-dir may help): %w", err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	cfg.Kafka = kafka.Config{Brokers: b.Addrs(), StateDir: state, Logger: cfg.Log}
	topics := options.Topics{Partitions: demoPartitions, Replication: 1}
	if _, err := topics.Ensure(ctx, cfg.Kafka, cfg.Prefix); err != nil {
		return err
	}

	ready := make(chan struct{})
	cfg.OnReady = func() {
		welcome(p, cfg.API.Addr().String(), b.Addrs()[0], rate)
		close(ready)
	}
	handedOver = true
	// The traffic ends when the node does, whatever ended that.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer stop()
		return node.Run(gctx, cfg)
	})
	g.Go(func() error {
		select {
		case <-ready:
			return sendTraffic(gctx, cfg.Kafka, cfg.Prefix, rate)
		case <-gctx.Done():
			return nil
		}
	})
	return g.Wait()
}

// demoState returns the folder for the local stores and how to leave it.
func demoState(dataDir string) (string, func() error, error) {
	if dataDir != "" {
		return filepath.Join(dataDir, "state"), func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp("", "belfry-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for the demo's state: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// welcome tells where to look and what to try.
func welcome(p *cli.Program, addr, kafka string, rate float64) {
	traffic := fmt.Sprintf("Sample traffic: %g events a second.", rate)
	if rate == 0 {
		traffic = "No sample traffic (--rate 0)."
	}
	fmt.Fprintf(p.Stdout, `Belfry is ready: http://%[1]s

%[3]s Users: %[4]s

Try, in another terminal:

  curl -N http://%[1]s/v1/users/user-7/stream

  curl -X POST http://%[1]s/v1/notifications -H 'Content-Type: application/json' \
       -d '{"recipient":"user-7","title":"Hello","category":"greeting"}'

  curl http://%[1]s/v1/users/user-7/unread
  curl http://%[1]s/v1/users/user-7/inbox

  curl -X POST http://%[1]s/v1/users/user-7/inbox/read -H 'Content-Type: application/json' \
       -d '{"seqs":[1]}'

Kafka is at %[2]s; any client may produce JSON to the topic belfry.notifications:

  echo '{"recipient":"user-7","title":"From Kafka"}' | kcat -b %[2]s -t belfry.notifications -P

Ctrl-C ends it.
`, addr, kafka, traffic, demoUserNames())
}
