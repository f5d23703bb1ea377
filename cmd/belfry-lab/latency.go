package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/node"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/auth"
)

// Events of bench latency enter at one of the first two and arrive at one of the others.
const (
	fromNotifications = "notifications"
	fromJournal       = "journal"
	toStream          = "stream"
	toTable           = "table"
)

// latencyOptions are one call of bench latency.
type latencyOptions struct {
	measureOptions
	rate     int
	duration time.Duration
	from, to cli.Choice
}

func benchLatencyCommand(p *cli.Program) *cobra.Command {
	var o latencyOptions
	c := &cobra.Command{
		Use:   "latency",
		Short: "Measure the way of an event: from the call that writes it to Kafka to a stream or the inbox table",
		Long: `Write events to the notifications topic, or to the journal as the router would,
at a steady rate, and measure from the call that writes an event until its item
has been read from the stream that every user has open, or from the topic of the
inbox table. Events are sent when they are due, whether earlier ones have arrived
or not; those of the first second do not count. With --brokers processors and
server are processes of their own.`,
		Example: `  belfry-lab bench latency
  belfry-lab bench latency --rate 2000 --users 1000 --brokers 127.0.0.1:9092
  belfry-lab bench latency --rate 2000 --users 10000 --from journal --to table --brokers 127.0.0.1:9092`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return benchLatency(cmd.Context(), p, &o)
		},
	}
	o.addCommonFlags(c)
	o.addPeerFlag(c)
	o.belfryOptions.AddFlags(c.Flags())
	users := c.Flags().Lookup("users")
	o.users, users.DefValue = 200, "200"
	c.Flags().IntVar(&o.rate, "rate", 500, "events a second")
	c.Flags().DurationVar(&o.duration, "duration", 20*time.Second, "how long to send")
	o.from = cli.NewChoice(fromNotifications, fromNotifications, fromJournal)
	o.to = cli.NewChoice(toStream, toStream, toTable)
	c.Flags().Var(&o.from, "from", "the topic that events are written to")
	c.Flags().Var(&o.to, "to", "where an event arrives")
	return c
}

func (o *latencyOptions) Validate() error {
	if err := errors.Join(o.benchOptions.Validate(), atLeast("rate", o.rate, 1)); err != nil {
		return err
	}
	if o.duration < 2*time.Second {
		return cli.FlagErrorf("duration", "must be at least 2s, is %s", o.duration)
	}
	if o.peer == "" {
		return nil
	}
	if len(o.kafka.Brokers) == 0 {
		return cli.FlagErrorf("peer", "needs --brokers as well")
	}
	if o.from.Value != fromJournal || o.to.Value != toTable {
		return cli.FlagErrorf("peer", "has no router and no server: it needs --from %s --to %s", fromJournal, toTable)
	}
	return o.validatePeer()
}

func benchLatency(ctx context.Context, p *cli.Program, o *latencyOptions) error {
	route := bench.Route{Journal: o.from.Value == fromJournal, Rate: o.rate, Duration: o.duration}
	if len(o.kafka.Brokers) == 0 {
		return benchLatencyHere(ctx, p, o, route)
	}
	return measureWith(ctx, p, &o.measureOptions, func(c *bench.Config) error {
		latencyHead(p, o, brokersOfFlag)
		programs := o.programs(c)
		programs[0] = c.BelfryProcessor("router,unread")
		for i, program := range programs {
			delays, err := c.Latency(ctx, fmt.Sprintf("latency-%d", i), program, o.to.Value == toStream, route)
			if err != nil {
				return fmt.Errorf("%s: %w", program.Name, err)
			}
			name := ""
			if i > 0 {
				name = program.Name + ": "
			}
			fmt.Fprintf(p.Stdout, "%s%s: %s\n", name, o.way(), summary(delays))
		}
		return nil
	})
}

func (o *latencyOptions) way() string {
	if o.to.Value == toTable {
		return "event to inbox table"
	}
	return "event to stream"
}

func latencyHead(p *cli.Program, o *latencyOptions, where string) {
	streams := ""
	if o.to.Value == toStream {
		streams = " with a stream each"
	}
	fmt.Fprintf(p.Stdout, "latency: %s\n%s; %d events/s for %s, %d users%s, %d partitions, from %s\n",
		machine(), where, o.rate, o.duration, o.users, streams, o.partitions, o.from.Value)
}

// benchLatencyHere measures on an embedded broker, all in this process.
func benchLatencyHere(ctx context.Context, p *cli.Program, o *latencyOptions, route bench.Route) (err error) {
	b, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	latencyHead(p, o, b.where())
	route.Kafka, route.Prefix, route.Users = b.engine, b.prefix, o.users
	if o.to.Value == toStream {
		route.Server = "http://" + ln.Addr().String()
	}
	ready := make(chan struct{})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return node.Run(gctx, node.Config{
			Kafka: b.engine, Prefix: b.prefix, Groups: node.AllGroups(), Features: inbox.DefaultFeatures, API: ln, Server: server.Config{Auth: auth.None()},
			Grace: 5 * time.Second, OnReady: func() { close(ready) }, Log: b.engine.Logger,
		})
	})
	g.Go(func() error {
		defer stop()
		select {
		case <-ready:
		case <-gctx.Done():
			return nil
		}
		delays, err := route.Measure(gctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.Stdout, "%s: %s\n", o.way(), summary(delays))
		return nil
	})
	return g.Wait()
}
