package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/broker"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/renew"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/node"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/stream"
)

// partitions are enough to show that work spreads, and start fast.
const partitions = 4

// Command returns the command.
func Command(p *cli.Program) *cobra.Command {
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
		Long: `Run everything in one process on the embedded broker, with the events of a
small company for five users, in English and Korean, who read, archive and
delete at their own pace. There is no authentication, so it listens on loopback
only; pages on loopback may call it. It keeps nothing when it ends, unless
--data-dir names a folder.

Where a default port is in use it takes a free one, and says so.`,
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
			if rate != 0 && !(rate >= minRate && rate <= maxRate) { // NaN is neither
				return cli.FlagErrorf("rate", "must be 0, or %g to %d events a second, is %g", minRate, maxRate, rate)
			}
			// The demo speaks on stdout; its log is for what goes wrong.
			if !cmd.Flags().Changed("log-level") {
				log.Level.Value = "warn"
			}
			logger := log.Logger(p.Stderr)
			ln, moved, err := listen(cmd, addr)
			if err != nil {
				return err
			}
			cfg := node.Config{
				Prefix: belfry.DefaultPrefix, Groups: node.AllGroups(), Features: inbox.DefaultFeatures, API: ln, Server: ownMachine(),
				Grace: grace, Log: logger,
			}
			shown := newPages("http://" + ln.Addr().String())
			cfg.Server.Pages = shown
			d := demo{Program: p, node: cfg, rate: rate, pages: shown, moved: moved, mayMove: !cmd.Flags().Changed("broker-addr")}
			return d.run(cmd.Context(), broker.Config{Addr: brokerAddr, DataDir: dataDir, Logger: logger})
		},
	}
	fs := c.Flags()
	fs.StringVar(&addr, "addr", options.DefaultAddr, "loopback `host:port` to serve the page and the API on")
	fs.StringVar(&brokerAddr, "broker-addr", broker.DefaultAddr, "`host:port` of the embedded broker; port 0 is any free one")
	fs.Float64Var(&rate, "rate", 0.5, "sample events a second; 0 for none")
	fs.StringVar(&dataDir, "data-dir", "", "`folder` to keep everything in over restarts; nothing is kept if absent")
	log.AddFlags(fs)
	return c
}

const (
	anyPort = "127.0.0.1:0"
	grace   = 5 * time.Second
	minRate = 0.001
	maxRate = 10_000
)

// demo is one run of the command.
type demo struct {
	*cli.Program
	node    node.Config
	rate    float64
	pages   *pages
	moved   []string // what is elsewhere than by default, in a line each
	mayMove bool     // the broker, if its port is in use
}

// listen opens the listener of the pages and the API, on another port if that of
// the default is in use.
func listen(cmd *cobra.Command, addr string) (net.Listener, []string, error) {
	ln, err := cli.Listen(cmd.Context(), "addr", addr)
	if err == nil || cmd.Flags().Changed("addr") || !errors.Is(err, syscall.EADDRINUSE) {
		return ln, nil, err
	}
	if ln, err = cli.Listen(cmd.Context(), "addr", anyPort); err != nil {
		return nil, nil, err
	}
	return ln, []string{fmt.Sprintf("%s is in use, so the pages are at %s.", addr, ln.Addr())}, nil
}

// startBroker is listen for the broker.
func (d *demo) startBroker(cfg broker.Config) (*broker.Broker, error) {
	b, err := broker.Start(cfg)
	if d.mayMove && errors.Is(err, syscall.EADDRINUSE) {
		taken := cfg.Addr
		cfg.Addr = anyPort
		if b, err = broker.Start(cfg); err == nil {
			d.moved = append(d.moved, fmt.Sprintf("%s is in use, so the embedded Kafka is at %s.", taken, b.Addrs()[0]))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("start the embedded broker (another --broker-addr or --data-dir may help): %w", err)
	}
	return b, nil
}

func (d *demo) run(ctx context.Context, bc broker.Config) (err error) {
	cfg := d.node
	handedOver := false
	defer func() {
		if !handedOver {
			err = errors.Join(err, cfg.API.Close())
		}
	}()
	state, cleanup, err := stateDir(bc.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanup()) }()
	if cfg.Channels, err = tells(state); err != nil {
		return err
	}
	if cfg.Push, err = pushes(bc.DataDir, d.base(), cfg.Features.Has(inbox.FeatureReach)); err != nil {
		return err
	}
	if cfg.Features.Has(inbox.FeatureReach) {
		if cfg.Mail, err = d.pages.mails.mails(d.base(), cfg.Push.Keys); err != nil {
			return err
		}
	}
	if cfg.Rules, cfg.ReplayRules, err = routes(state, cfg.Prefix); err != nil {
		return err
	}
	if bc.DataDir != "" {
		bc.DataDir = filepath.Join(bc.DataDir, "broker")
	}
	b, err := d.startBroker(bc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	cfg.Kafka = kafka.Config{Brokers: b.Addrs(), StateDir: state, Logger: cfg.Log}
	topics := options.Topics{Partitions: partitions, Replication: 1}
	asked, err := options.DefaultRequests()
	if err != nil {
		return err
	}
	if _, err := topics.Ensure(ctx, cfg.Kafka, cfg.Prefix, &asked); err != nil {
		return err
	}
	if cfg.Requests, err = asked.Config(cfg.Prefix); err != nil {
		return err
	}
	network, err := openNetwork(ctx, cfg.Kafka, d.pages.devices)
	if err != nil {
		return err
	}
	defer network.close()
	// A folder of --data-dir may be of an earlier release, and nothing else runs here.
	oneHop := renew.OneHop{Prefix: cfg.Prefix, Check: codec.CheckItem, Report: func(kafka.Change) {}}
	if err := oneHop.Run(ctx, cfg.Kafka); err != nil {
		return err
	}

	ready := make(chan struct{})
	cfg.OnReady = func() { close(ready) }
	handedOver = true
	// The traffic ends when the node does, whatever ended that.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer stop()
		return node.Run(gctx, cfg)
	})
	g.Go(func() error { network.run(gctx); return nil })
	g.Go(func() error {
		select {
		case <-ready:
		case <-gctx.Done():
			return nil
		}
		d.pages.network.Store(network)
		if err := d.show(gctx, cfg.Kafka); gctx.Err() == nil {
			return err
		}
		return nil
	})
	return g.Wait()
}

// base is where the pages and the API are.
func (d *demo) base() string { return "http://" + d.node.API.Addr().String() }

// show tells where to look once there is something to see, and keeps it moving
// until ctx ends.
func (d *demo) show(ctx context.Context, cfg kafka.Config) error {
	base := d.base()
	var everybody []person
	for _, u := range users() {
		everybody = append(everybody, person{u.ID, base, d.node.Log})
	}
	out, err := emitters.OpenNotifications(cfg, d.node.Prefix)
	if err != nil {
		return err
	}
	d.pages.out.Store(out)
	for _, p := range append(everybody, person{author().ID, base, d.node.Log}) {
		if err := p.reachable(ctx); err != nil {
			return errors.Join(err, out.Close())
		}
	}
	if d.rate == 0 {
		d.welcome(base, cfg.Brokers[0], 0)
		<-ctx.Done()
		return out.Close()
	}
	if err = sendPast(ctx, out, everybody); err == nil {
		for i := range everybody {
			err = errors.Join(err, everybody[i].look(ctx))
		}
	}
	if err == nil {
		newest, _ := everybody[0].newestUnread(ctx)
		d.welcome(base, cfg.Brokers[0], newest)
		var g errgroup.Group
		g.Go(func() error { return sendTraffic(ctx, out, d.rate) })
		g.Go(func() error { return live(ctx, everybody, d.rate) })
		err = g.Wait()
	}
	return errors.Join(err, out.Close())
}

// stateDir returns the folder for the local stores and how to leave it.
func stateDir(dataDir string) (string, func() error, error) {
	if dataDir != "" {
		return filepath.Join(dataDir, "state"), func() error { return nil }, nil
	}
	dir, err := os.MkdirTemp("", "belfry-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for the demo's state: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

// ownMachine is a server for one person: its limits promise no more than any machine
// has descriptors for.
func ownMachine() server.Config {
	return server.Config{
		Auth: auth.None(), Limits: server.Limits{Connections: 500}, Streams: stream.Limits{Total: 200},
	}
}

// welcome tells where to look and what to try; newest is the seq of the first
// user's newest unread item, 0 for none.
func (d *demo) welcome(base, kafka string, newest uint64) {
	var moved strings.Builder
	for _, line := range d.moved {
		moved.WriteString(line + "\n")
	}
	traffic := fmt.Sprintf("Sample events: %g a second; people read them at their own pace.", d.rate)
	which := fmt.Sprintf(`{"seqs":[%d]}`, newest)
	if d.rate == 0 {
		traffic = "No sample events (--rate 0)."
	}
	if newest == 0 {
		which = `{"up_to":9007199254740991}`
	}
	fmt.Fprintf(d.Stdout, `Belfry is ready: %[1]s/?user=user-7

%[2]s%[3]s
Users: %[4]s. Mails to them: %[1]s/demo/mails. Groups, lag and dead letters: %[1]s/ops

Try, in another terminal:

  curl -N %[1]s/v1/users/user-7/stream

  curl -X POST %[1]s/v1/notifications -H 'Content-Type: application/json' \
       -d '{"recipient":"user-7","title":"Hello","category":"greeting"}'

  curl %[1]s/v1/users/user-7/unread
  curl %[1]s/v1/users/user-7/inbox

  curl -X POST %[1]s/v1/users/user-7/inbox/read -H 'Content-Type: application/json' \
       -d '%[5]s'

Kafka is at %[6]s; any client may produce JSON to the topic belfry.notifications:

  echo '{"recipient":"user-7","title":"From Kafka"}' | kcat -b %[6]s -t belfry.notifications -P

Ctrl-C ends it.
`, base, moved.String(), traffic, userNames(), which, kafka)
}
