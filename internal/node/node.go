package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/lagwatch"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/responder"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/push"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/lagpage"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/rules"
	"github.com/belfry/belfry/timers"
	"github.com/belfry/belfry/upkeep"
	"github.com/belfry/belfry/views"
	"github.com/belfry/belfry/web"
)

// Config is what one serving process does.
type Config struct {
	Kafka    kafka.Config
	Prefix   belfry.Prefix
	InboxCap int
	Features inbox.Features
	Groups   []string // names of --groups; none: no processors
	// TimerRate is how many timers a second are fired at the most; 0: the default.
	TimerRate int
	Rules     *Rules // nil: the built-in source alone
	// Channels are those that users are told on while they do not look; nil: none.
	Channels *Channels
	// ReplayRules returns the rules that dead letters are replayed by beside the
	// built-in ones; nil: none.
	ReplayRules func() (*rules.Set, error)

	Requests  *responder.Config  // settings, as Server's; nil: no requests over Kafka are answered
	Push      *push.Settings     // nil: no browser is sent to; needs API
	Mail      *senders.Opener    // nil: nobody is mailed to; needs API
	API       net.Listener       // nil: no server
	Server    server.Config      // its settings; the node adds what they are for
	Keys      *auth.Keys         // of the server's Auth; nil: none to fetch
	Metrics   net.Listener       // nil: none
	Sweep     upkeep.SweepConfig // interval and age; 0: the defaults
	LagGroups *regexp.Regexp     // groups of others to show; nil: none

	BroadcastCap   int // live notices of a partition, the same in every process; 0: the default
	BroadcastWakes int // streams and users that are looked at in a second for a notice; 0: the default

	Grace   time.Duration // for draining
	OnReady func()        // called once, when all of it runs; may be nil
	Log     *slog.Logger
	Tracer  trace.Tracer // nil: no traces
}

// Close closes the listeners, which Serve may not have come to close.
func (c *Config) Close() error {
	var errs []error
	for _, ln := range []net.Listener{c.API, c.Metrics} {
		if ln == nil {
			continue
		}
		if err := ln.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// node is one serving process.
type node struct {
	Config
	registry    *prometheus.Registry
	lag         *lagwatch.Collector
	lagPage     *lagpage.Page
	viewPaces   *viewPaces
	deadLetters *engine.DeadLetters
	journal     *emitters.Journal
	processors  []*engine.Processor
	routers     *processors.Routers // nil: no rules
	watch       *rulesWatch         // nil: no rules
	channels    *channelsWatch      // nil: no channels
	responder   *answering          // nil: no requests
	policy      atomic.Pointer[reach.Policy]
	unread      *views.Unread
	inbox       *views.Inbox
	repairs     *upkeep.Repairs // nil: nothing reads rows
	sweep       *upkeep.Sweep   // nil: no server
	audit       *upkeep.Audit   // nil: no server
	pending     *pendingLetters // nil: no server
	timers      *timers.Queue   // nil: no rows are folded
	counts      *processors.Metrics
	draining    atomic.Bool
}

// Run runs until ctx ends and then drains: first the HTTP server, while the
// views and the journal still stand behind it, then processors and views, last
// what they write with. The topics must have been verified ([kafka.Topics.Verify]).
// It closes the listeners of cfg in any case. A process
// that has not drained within the grace period is an error.
func Run(ctx context.Context, cfg Config) (err error) {
	cfg.Kafka.Outage = kafka.NewOutage(cfg.Log)
	n := &node{Config: cfg, registry: prometheus.NewRegistry()}
	defer func() { err = errors.Join(err, cfg.Close()) }()
	n.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if n.deadLetters, err = engine.OpenDeadLetters(cfg.Kafka, cfg.Prefix.DeadLetters()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.deadLetters.Close()) }()
	if n.needsJournal() {
		if n.journal, err = emitters.OpenJournal(cfg.Kafka, cfg.Prefix); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, n.journal.Close()) }()
	}

	finished := make(chan error, 1)
	go func() { finished <- n.run(ctx) }()
	select {
	case err := <-finished:
		return err
	case <-ctx.Done():
	}
	n.Log.Info("stopping", "grace", cfg.Grace)
	// Beyond this the process ends, whatever still hangs.
	deadline := time.NewTimer(cfg.Grace + time.Second)
	defer deadline.Stop()
	select {
	case err := <-finished:
		return err
	case <-deadline.C:
		return fmt.Errorf("not drained within --grace %s: what was unfinished is done again at the next start", cfg.Grace)
	}
}

func (n *node) run(ctx context.Context) (err error) {
	// Three lifetimes: front ends with ctx, back when front has drained, and what
	// tells of them when they have ended.
	back, stopBack := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBack()
	g, back := errgroup.WithContext(back)
	front, stopFront := context.WithCancel(ctx)
	defer stopFront()
	context.AfterFunc(back, stopFront)
	defer context.AfterFunc(front, func() { n.draining.Store(true) })()
	last, stopLast := context.WithCancel(context.WithoutCancel(ctx))
	var telling errgroup.Group
	defer func() {
		stopLast()
		err = errors.Join(err, telling.Wait())
	}()

	if n.API != nil || n.Requests != nil {
		n.unread, n.inbox = views.NewUnread(n.Kafka, n.Prefix), views.NewInbox(n.Kafka, n.Prefix)
		if n.Tracer != nil {
			n.inbox.Traces = views.NewTraces()
		}
	}
	if err := n.openRepairs(); err != nil {
		return err
	}
	closeUp, err := n.keepUp(back, g)
	// The last to end: processors and views report to it.
	defer func() { err = errors.Join(err, closeUp()) }()
	if err != nil {
		stopBack()
		return errors.Join(err, g.Wait())
	}
	n.counts = processors.NewMetrics(n.registry)
	deps := processors.Deps{Prefix: n.Prefix, DeadLetters: n.deadLetters, Metrics: n.counts, Log: n.Log, Tracer: n.Tracer, Features: n.Features, BroadcastCap: n.BroadcastCap, Turns: sources.NewTurns(), Backlog: new(engine.Backlog), Notices: processors.NewNoticePace()}
	if n.repairs != nil {
		deps.Rows = n.repairs.Reports()
	}
	deps.Timers, deps.Policy = n.openTimers(), n.policyNow
	if slices.Contains(n.Groups, GroupUnread) {
		deps.Repeats = processors.NewRepeats(journalRecord(n.Kafka, n.Prefix))
		g.Go(func() error { return deps.Repeats.Run(back, &deps) })
	}
	n.openChannels()
	if n.channels != nil {
		g.Go(func() error { return n.channels.Run(back) })
	}
	for _, name := range n.Groups {
		n.processors = append(n.processors, engine.NewProcessor(n.Kafka, newGroup(name, &n.Kafka, deps, n.InboxCap)))
	}
	closeSenders, err := n.openSenders()
	if err != nil {
		stopBack()
		return errors.Join(err, g.Wait())
	}
	defer closeSenders()
	closeResponder, err := n.openResponder()
	if err != nil {
		stopBack()
		return errors.Join(err, g.Wait())
	}
	defer func() { err = errors.Join(err, closeResponder()) }()
	for _, p := range n.processors {
		g.Go(func() error { return p.Run(back) })
	}
	if n.responder != nil {
		g.Go(func() error { return n.responder.processor.Run(back) })
	}
	n.openRouters(deps)
	if n.routers != nil {
		g.Go(func() error { return n.routers.Run(back) })
		g.Go(func() error { return n.watch.Run(back) })
	}
	if n.unread != nil {
		g.Go(func() error { return n.unread.Run(back) })
		g.Go(func() error { return n.inbox.Run(back) })
	}
	n.watchLag()
	g.Go(func() error { return n.lag.Run(back) })
	serve := func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	}
	var ops http.Handler
	if n.API == nil {
		ops = server.Ops(server.Config{
			Registry: n.registry, Readiness: n.conditions, LagMetrics: n.lagPage, Logger: n.Log,
		})
	} else {
		n.openAudit()
		g.Go(func() error { return n.audit.Run(back) })
		n.pending = newPendingLetters(replay.NewLetters(n.Kafka, n.Prefix))
		g.Go(func() error { return n.pending.Run(back) })
		if n.Keys != nil {
			g.Go(func() error { return n.Keys.Run(back) })
		}
		srv, err := n.newServer()
		if err != nil {
			stopBack()
			return errors.Join(err, g.Wait())
		}
		serve = func(ctx context.Context) error { return srv.Serve(ctx, n.API, n.Grace*4/5) }
		ops = srv.MetricsHandler()
	}
	n.registerMetrics()
	if n.Metrics != nil {
		telling.Go(func() error {
			defer stopBack()
			return serveMetrics(last, n.Metrics, ops)
		})
	}
	if n.OnReady != nil {
		g.Go(func() error { return n.announce(front) })
	}
	g.Go(func() error {
		defer stopBack()
		return serve(front)
	})
	return g.Wait()
}

func (n *node) newServer() (*server.Server, error) {
	cfg := n.Server
	cfg.Rows, cfg.Items, cfg.Journal, cfg.Epochs = n.unread, n.inbox, n.journal, n.journal
	cfg.Boards, cfg.BroadcastWakes = boards{n.unread, n.journal}, n.BroadcastWakes
	cfg.Features = n.Features
	cfg.Reach = n.reach()
	cfg.Readiness = n.conditions
	cfg.LagMetrics = n.lagPage
	cfg.Operations = n.operations()
	cfg.Registry, cfg.MetricsOnAPI = n.registry, n.Metrics == nil
	if cfg.Pages == nil {
		cfg.Pages = web.Handler()
	}
	cfg.Logger = n.Log
	if n.Tracer != nil {
		cfg.Tracing = &server.Tracing{Tracer: n.Tracer, Item: n.inbox.Traces.Take}
	}
	return server.New(cfg)
}

// announce calls onReady once every condition holds.
func (n *node) announce(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !n.isReady() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
	n.OnReady()
	return nil
}
