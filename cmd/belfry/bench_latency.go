package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/internal/bench"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/auth"
)

// Where events of bench latency enter and where they arrive.
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
	from, to choice
}

func benchLatencyCommand(p *program) *cobra.Command {
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
		Example: `  belfry bench latency
  belfry bench latency --rate 2000 --users 1000 --brokers 127.0.0.1:9092
  belfry bench latency --rate 2000 --users 10000 --from journal --to table --brokers 127.0.0.1:9092`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			o.kafkaArgs = kafkaArgs(cmd.Flags())
			return benchLatency(p, cmd.Context(), &o)
		},
	}
	o.addCommonFlags(c)
	o.addPeerFlag(c)
	users := c.Flags().Lookup("users")
	o.users, users.DefValue = 200, "200"
	c.Flags().IntVar(&o.rate, "rate", 500, "events a second")
	c.Flags().DurationVar(&o.duration, "duration", 20*time.Second, "how long to send")
	o.from = newChoice(fromNotifications, fromNotifications, fromJournal)
	o.to = newChoice(toStream, toStream, toTable)
	c.Flags().Var(&o.from, "from", "the topic that events are written to")
	c.Flags().Var(&o.to, "to", "where an event arrives")
	return c
}

func (o *latencyOptions) validate() error {
	if err := errors.Join(o.benchOptions.validate(), atLeast("rate", o.rate, 1)); err != nil {
		return err
	}
	if o.duration < 2*time.Second {
		return flagErrorf("duration", "must be at least 2s, is %s", o.duration)
	}
	if o.peer == "" {
		return nil
	}
	if len(o.kafka.brokers) == 0 {
		return flagErrorf("peer", "needs --brokers as well")
	}
	if o.from.value != fromJournal || o.to.value != toTable {
		return flagErrorf("peer", "has no router and no server: it needs --from %s --to %s", fromJournal, toTable)
	}
	return o.validatePeer()
}

func benchLatency(p *program, ctx context.Context, o *latencyOptions) error {
	route := bench.Route{Journal: o.from.value == fromJournal, Rate: o.rate, Duration: o.duration}
	if len(o.kafka.brokers) == 0 {
		return benchLatencyHere(p, ctx, o, route)
	}
	return measureWith(p, ctx, &o.measureOptions, func(c *bench.Config) error {
		latencyHead(p, o, brokersOfFlag)
		programs := o.programs(c)
		programs[0] = c.BelfryProcessor("router,unread,inbox")
		for i, program := range programs {
			delays, err := c.Latency(ctx, fmt.Sprintf("latency-%d", i), program, o.to.value == toStream, route)
			if err != nil {
				return fmt.Errorf("%s: %w", program.Name, err)
			}
			name := ""
			if i > 0 {
				name = program.Name + ": "
			}
			fmt.Fprintf(p.stdout, "%s%s: %s\n", name, o.way(), summary(delays))
		}
		return nil
	})
}

func (o *latencyOptions) way() string {
	if o.to.value == toTable {
		return "event to inbox table"
	}
	return "event to stream"
}

func latencyHead(p *program, o *latencyOptions, where string) {
	streams := ""
	if o.to.value == toStream {
		streams = " with a stream each"
	}
	fmt.Fprintf(p.stdout, "latency: %s\n%s; %d events/s for %s, %d users%s, %d partitions, from %s\n",
		machine(), where, o.rate, o.duration, o.users, streams, o.partitions, o.from.value)
}

// benchLatencyHere measures on an embedded broker, all in this process.
func benchLatencyHere(p *program, ctx context.Context, o *latencyOptions, route bench.Route) (err error) {
	b, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	latencyHead(p, o, b.where())
	route.Kafka, route.Prefix, route.Users = b.engine, b.prefix, o.users
	if o.to.value == toStream {
		route.Server = "http://" + ln.Addr().String()
	}
	ready := make(chan struct{})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return runNode(gctx, nodeConfig{
			engine: b.engine, prefix: b.prefix, groups: allGroups(), api: ln, server: server.Config{Auth: auth.None()},
			grace: 5 * time.Second, onReady: func() { close(ready) }, log: b.engine.Logger,
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
		fmt.Fprintf(p.stdout, "%s: %s\n", o.way(), summary(delays))
		return nil
	})
	return g.Wait()
}
