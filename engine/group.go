package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/belfry/belfry/engine/kafka"
)

// ErrFenced is matched by the error of a processor whose instance id another
// process has taken: it ends for good, since building it anew would throw the
// other one out in turn (KIP-345).
var ErrFenced = errors.New("another process uses this instance id")

// group stands between goka and sarama's consumer group. It rejoins at once
// after a rebalance (goka would sleep five seconds), commits completed prefixes
// only, keeps the raw records at hand, and looks before each session whether
// the logs are those that were processed.
type group struct {
	Group
	sarama.ConsumerGroup
	name   string
	inputs []string
	topics *kafka.Topics
	// onSession is called before a session's first record.
	onSession  func(map[string]kafka.TopicInfo)
	instanceID string
	sup        *Supervisor
	refused    func([]Refusal)            // called with all that a session refuses
	claimed    *atomic.Pointer[[]Claimed] // those of the present session
	// readAhead, if not nil, reads rows of those keys that are soon asked for.
	readAhead func(partition int32, keys []string)
	hold      func(*tracker, sarama.ConsumerGroupClaim) (run func(context.Context)) // nil: no timers
	tables    tables
	previous  *lastMember
	changes   *rebalances
	log       *slog.Logger

	handler sarama.ConsumerGroupHandler
	session atomic.Pointer[session]
	rows    atomic.Pointer[rowProducer]
	fenced  atomic.Bool
}

// Consume runs sessions until ctx ends or one fails.
func (g *group) Consume(ctx context.Context, topics []string, handler sarama.ConsumerGroupHandler) error {
	g.handler = handler
	for ctx.Err() == nil {
		if err := g.ConsumerGroup.Consume(ctx, topics, g); err != nil {
			g.fenced.Store(errors.Is(err, sarama.ErrFencedInstancedId))
			return err
		}
	}
	return nil
}

// Setup implements sarama.ConsumerGroupHandler. An error ends the processor.
func (g *group) Setup(s sarama.ConsumerGroupSession) error {
	if err := g.previous.keep(s.MemberID()); err != nil {
		g.log.Warn("member id not kept: if this process is killed, its partitions wait for the session time-out", "group", g.name, "err", err)
	}
	infos, err := g.topics.Info(slices.Concat(g.inputs, g.Lookup)...)
	if err != nil {
		return fmt.Errorf("prepare session: %w", err)
	}
	if err := g.activate(s, infos); err != nil {
		return fmt.Errorf("prepare session: %w", err)
	}
	positions, err := g.topics.Positions(s.Context(), g.name, s.Claims(), infos)
	if err != nil {
		return fmt.Errorf("prepare session: %w", err)
	}
	g.onSession(infos)
	g.claimed.Store(claimedIn(s))
	wrapped := newSession(s, infos)
	wrapped.written = g.Written
	g.refused(g.startPartitions(wrapped, positions))
	g.session.Store(wrapped)
	g.sup.follow(wrapped.trackers)
	g.changes.begin(time.Now(), len(wrapped.trackers))
	// When its context ends, not when Cleanup is called: until then it finishes
	// what it has, and reads no more.
	context.AfterFunc(s.Context(), func() { g.changes.end(time.Now()) })
	if err := g.handler.Setup(wrapped); err != nil {
		return err
	}
	if err := g.beginAll(wrapped); err != nil {
		return fmt.Errorf("prepare session: %w", err)
	}
	wrapped.watch.Go(func() { wrapped.guard(g.topics, g.inputs, g.Transient, g.log) })
	return nil
}

// startPartitions has every partition start where it must, and returns those that must
// not be read.
func (g *group) startPartitions(s *session, positions map[kafka.TopicPartition]*kafka.StartPosition) []Refusal {
	var refusals []Refusal
	foreign := map[kafka.TopicPartition]int64{}
	for claim, p := range positions {
		what, why := p.Judge()
		if g.sup.noteSkips(claim, p) {
			foreign[claim] = p.Committed
		}
		switch {
		case what == kafka.Refused && g.Positional:
			s.refused[claim] = true
			refusals = append(refusals, Refusal{claim.Topic, claim.Partition, why, g.Remedy})
			g.log.Error("partition refused", "topic", claim.Topic, "partition", claim.Partition, "reason", why, "remedy", g.Remedy)
		case what == kafka.Refused || what == kafka.Rewind:
			// It is committed, also if no record follows.
			again := kafka.CommitMark{Epoch: p.Epoch, Time: kafka.NoTime}
			s.ResetOffset(claim.Topic, claim.Partition, p.Log.Start, again.String())
			g.log.Warn("partition read again from its begin", "topic", claim.Topic, "partition", claim.Partition, "reason", why)
		case why != "":
			g.log.Error("records lost to retention", "topic", claim.Topic, "partition", claim.Partition, "reason", why)
		}
		if what == kafka.Proceed && p.Mark.Epoch == p.Epoch {
			s.silent[claim] = p.Mark.Silent
		}
	}
	tellForeign(g.log, g.name, foreign)
	slices.SortFunc(refusals, func(a, b Refusal) int { return cmp.Compare(a.Partition, b.Partition) })
	return refusals
}

func claimedIn(s sarama.ConsumerGroupSession) *[]Claimed {
	var all []Claimed
	for topic, partitions := range s.Claims() {
		for _, p := range partitions {
			all = append(all, Claimed{topic, p})
		}
	}
	return &all
}

// Cleanup implements sarama.ConsumerGroupHandler.
func (g *group) Cleanup(s sarama.ConsumerGroupSession) error {
	g.claimed.Store(nil)
	// A session whose setup failed was never wrapped.
	wrapped := g.session.Load()
	if wrapped == nil || wrapped.ConsumerGroupSession != s {
		return nil
	}
	wrapped.watch.Wait()
	return g.handler.Cleanup(wrapped)
}

// ConsumeClaim implements sarama.ConsumerGroupHandler.
func (g *group) ConsumeClaim(_ sarama.ConsumerGroupSession, c sarama.ConsumerGroupClaim) error {
	s := g.session.Load()
	if s.refused[kafka.TopicPartition{Topic: c.Topic(), Partition: c.Partition()}] {
		<-s.reading.Done() // to return ends the session
		return nil
	}
	at := s.trackers[kafka.TopicPartition{Topic: c.Topic(), Partition: c.Partition()}]
	at.start(c.InitialOffset())
	if g.Backlog != nil {
		defer g.Backlog.Count(unprocessed(at, c))()
	}
	tracked := newClaim(c, g.Batches, len(s.trackers))
	if g.readAhead != nil {
		tracked.readAhead = func(keys []string) { g.readAhead(c.Partition(), keys) }
	}
	ctx, stop := context.WithCancel(s.reading)
	var pump sync.WaitGroup
	if g.hold != nil {
		run := g.hold(at, c) // before the first record is handed out
		pump.Go(func() { run(ctx) })
	}
	pump.Go(func() { tracked.pump(ctx, at) })
	err := g.handler.ConsumeClaim(s, tracked)
	stop()
	pump.Wait()
	return err
}

// wrap is the goka.ContextWrapper.
func (g *group) wrap(c goka.Context) goka.Context {
	wrapped := &Context{gokaContext: c, sup: g.sup, rows: g.rows.Load()}
	if s := g.session.Load(); s != nil {
		claim := kafka.TopicPartition{Topic: string(c.Topic()), Partition: c.Partition()}
		wrapped.topicID = s.infos[claim.Topic].ID
		if t := s.trackers[claim]; t != nil {
			wrapped.tracker, wrapped.silent = t, s.silent[claim]
			if b := t.batch(c.Offset()); b != nil {
				wrapped.records = b.records
			}
		}
	}
	return wrapped
}
