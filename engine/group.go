package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
)

// group stands between goka and sarama's consumer group. It rejoins at once
// after a rebalance (goka would sleep five seconds), commits completed prefixes
// only, and keeps the raw records at hand.
type group struct {
	sarama.ConsumerGroup
	// onSession is called before a session's first record; an error ends the
	// processor.
	onSession func(context.Context) error
	handler   sarama.ConsumerGroupHandler
	session   atomic.Pointer[session]
}

// Consume runs sessions until ctx ends or one fails.
func (g *group) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	g.handler = handler
	for ctx.Err() == nil {
		if err := g.ConsumerGroup.Consume(ctx, topics, g); err != nil {
			return err
		}
	}
	return nil
}

// Setup implements sarama.ConsumerGroupHandler.
func (g *group) Setup(s sarama.ConsumerGroupSession) error {
	if g.onSession != nil {
		if err := g.onSession(s.Context()); err != nil {
			return fmt.Errorf("prepare session: %w", err)
		}
	}
	wrapped := &session{ConsumerGroupSession: s, trackers: map[claimKey]*tracker{}}
	for topic, partitions := range s.Claims() {
		for _, p := range partitions {
			wrapped.trackers[claimKey{topic, p}] = &tracker{}
		}
	}
	g.session.Store(wrapped)
	return g.handler.Setup(wrapped)
}

// Cleanup implements sarama.ConsumerGroupHandler.
func (g *group) Cleanup(s sarama.ConsumerGroupSession) error {
	// A session whose setup failed was never wrapped.
	if wrapped := g.session.Load(); wrapped != nil && wrapped.ConsumerGroupSession == s {
		return g.handler.Cleanup(wrapped)
	}
	return nil
}

// ConsumeClaim implements sarama.ConsumerGroupHandler.
func (g *group) ConsumeClaim(_ sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	s := g.session.Load()
	tracked := &claim{ConsumerGroupClaim: c, messages: make(chan *sarama.ConsumerMessage, 64)}
	ctx, stop := context.WithCancel(s.Context())
	var pump sync.WaitGroup
	pump.Go(func() { tracked.pump(ctx, s.trackers[claimKey{c.Topic(), c.Partition()}]) })
	err := g.handler.ConsumeClaim(s, tracked)
	stop()
	pump.Wait()
	return err
}

// wrap is the goka.ContextWrapper.
func (g *group) wrap(c goka.Context) goka.Context {
	wrapped := &Context{gokaContext: c}
	if s := g.session.Load(); s != nil {
		if t := s.trackers[claimKey{string(c.Topic()), c.Partition()}]; t != nil {
			wrapped.raw = t.raw(c.Offset())
		}
	}
	return wrapped
}

type claimKey struct {
	topic     string
	partition int32
}

type session struct {
	sarama.ConsumerGroupSession
	trackers map[claimKey]*tracker // not modified after Setup
}

// MarkOffset marks the completed prefix that ends with the record before
// offset, if there is one.
func (s *session) MarkOffset(topic string, partition int32, offset int64, metadata string) {
	if next, ok := s.trackers[claimKey{topic, partition}].finish(offset - 1); ok {
		s.ConsumerGroupSession.MarkOffset(topic, partition, next, metadata)
	}
}

// claim hands out a claim's records after announcing them to the tracker.
type claim struct {
	sarama.ConsumerGroupClaim
	messages chan *sarama.ConsumerMessage
}

// Messages implements sarama.ConsumerGroupClaim.
func (c *claim) Messages() <-chan *sarama.ConsumerMessage { return c.messages }

func (c *claim) pump(ctx context.Context, t *tracker) {
	defer close(c.messages)
	for {
		select {
		case m, ok := <-c.ConsumerGroupClaim.Messages():
			if !ok {
				return
			}
			t.begin(m)
			select {
			case c.messages <- m:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
