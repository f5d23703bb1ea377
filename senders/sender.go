package senders

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/inflate"
	"github.com/belfry/belfry/engine/notices"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/recent"
)

const (
	// perPartition is how many decisions of a partition are on their way at the most.
	perPartition = 200
	// commitInterval bounds what is sent again after a crash, beside what was on its way.
	commitInterval = 50 * time.Millisecond
	// sentKept is how many decisions that were sent a generation of them holds: those that
	// an owner writes again after a crash are mostly of its last second.
	sentKept = 16_384
)

// Rows are those of all users, as views.Unread has them.
type Rows interface {
	Row(recipient string) (inbox.State, error)
	// Watch has changed called when the recipient's row is another, or can be read at
	// last, until stop. It must not block.
	Watch(recipient string, changed func()) (stop func())
}

// Contents are those of items and endpoints, as views.Inbox has them.
type Contents interface {
	Item(recipient string, seq uint64) (inbox.Item, bool, error)
	Endpoint(recipient string, seq uint64) (inbox.Address, bool, error)
	Watch(recipient string, changed func()) (stop func())
}

// Journal is where decisions are given back.
type Journal interface {
	Append(ctx context.Context, records ...inbox.Addressed) ([]inbox.Position, error)
}

// DeadLetters takes what can never be sent, see engine.DeadLetters.Send.
type DeadLetters interface {
	Send(ctx context.Context, raw *sarama.ConsumerMessage, why deadletter.Envelope, done func(error))
}

// Config is what a [Sender] needs; Log may be absent.
type Config struct {
	Group string // of consumers, such as belfry.Prefix.WebPushGroup
	Topic string // belfry.Prefix.Outbound

	Rows        Rows
	Contents    Contents
	Journal     Journal
	DeadLetters DeadLetters
	Transport   Transport
	Metrics     *Metrics
	Log         *slog.Logger // nil: slog's default
	// Processed hears of each record, its result and its timestamp, and Dead of each that
	// is set aside.
	Processed func(result string, at time.Time)
	Dead      func(deadletter.Reason)
}

// Sender sends the decisions for one kind of endpoint. It is safe for concurrent use.
type Sender struct {
	Config
	relay   Relay // nil: the transport is none
	origins origins
	resting *resting
	notices notices.Notices

	rooms *engine.Rooms

	mu   sync.Mutex
	sent *recent.Map[sentKey, struct{}]
}

// sentKey is a decision of a user.
type sentKey struct {
	user, channel string
	decision      uint64
}

// New returns a sender; it sends once its Group runs.
func New(cfg Config) *Sender {
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	s := &Sender{Config: cfg, origins: origins{slots: slots}, resting: newResting(), rooms: engine.NewRooms(perPartition), sent: recent.New[sentKey, struct{}](sentKept)}
	if relay, ok := cfg.Transport.(Relay); ok {
		s.relay = relay
		s.origins.slots, s.origins.relay = relay.Connections(), true
		cfg.Metrics.watch(relay.Server(), s.origins.down)
	}
	return s
}

// Group is the definition for engine.NewProcessor. Decisions of a partition are on their
// way side by side; those that are done are committed in order.
func (s *Sender) Group(options ...goka.ProcessorOption) engine.Group {
	return engine.Group{
		Graph: goka.DefineGroup(goka.Group(s.Config.Group),
			goka.Input(goka.Stream(s.Topic), engine.Bytes{}, engine.Callback(s.take))),
		CommitInterval: commitInterval,
		Options:        options,
	}
}

// isRepeat reports whether this process has sent a decision not long ago.
func (s *Sender) isRepeat(user string, o *inbox.Outbound) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.sent.Get(sentKey{user, o.Channel, o.Decision})
	return ok
}

func (s *Sender) noteSent(user string, o *inbox.Outbound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent.Put(sentKey{user, o.Channel, o.Decision}, struct{}{})
}

// take begins a decision, once there is room for it.
func (s *Sender) take(c *engine.Context, value []byte) {
	raw, ctx, user, topicID := c.Raw(), c.Context(), c.Key(), c.TopicID()
	letter := func(l *engine.Later, reason deadletter.Reason, err error) {
		s.setAside(ctx, raw, deadletter.Envelope{
			Reason: reason, Error: err.Error(), Group: s.Config.Group, TopicID: topicID, Attempt: 1,
		}, l.Done)
	}
	if refused := inflate.Refused(raw); refused != nil {
		bare := *raw
		bare.Headers, raw = nil, &bare
		letter(c.Later(), deadletter.ReasonTooLarge, refused)
		return
	}
	if value == nil {
		s.Processed("tombstone", c.Timestamp())
		return // it says nothing to anybody
	}
	o, err := codec.DecodeOutbound(value)
	if err == nil {
		err = belfry.CheckRecipient(user)
	}
	switch {
	case err != nil:
		letter(c.Later(), deadletter.ReasonUndecodable, err)
		return
	case o.Kind != s.Transport.Kind():
		s.Processed("other-kind", c.Timestamp())
		return // another sender's
	}
	later, leave, ok := s.rooms.Later(c)
	if !ok {
		return
	}
	// goka waits for what was left for later before a session ends.
	go func() {
		defer leave()
		var end End
		err := engine.Guard(func() (err error) {
			s.Metrics.inFlight.WithLabelValues(o.Channel).Inc()
			defer s.Metrics.inFlight.WithLabelValues(o.Channel).Dec()
			end, err = s.Deliver(ctx, user, o, later.Waits)
			return err
		})
		reason := deadletter.ReasonUndelivered
		if p, ok := err.(*engine.PanicError); ok { //nolint:errorlint // Guard returns it bare
			if log, more := s.sometimes("panic"); log != nil {
				log.Error("panic while a decision was sent, it becomes a dead letter", "err", p, "stack", p.Stack, "more", more)
			}
			end, reason = EndLetter, deadletter.ReasonPanic
		}
		s.Metrics.decisions.WithLabelValues(o.Channel, string(end)).Inc()
		switch end {
		case EndGivenUp:
			later.GiveUp()
		case EndLetter:
			letter(later, reason, err)
		default:
			s.Processed(string(end), raw.Timestamp)
			later.Done(nil)
		}
	}()
}

func (s *Sender) setAside(ctx context.Context, raw *sarama.ConsumerMessage, why deadletter.Envelope, done func(error)) {
	s.Dead(why.Reason)
	if log, more := s.sometimes("dead letter", string(why.Reason)); log != nil {
		log.Warn("decision set aside as a dead letter; belfry dead-letters list shows the error, and replay has it sent once more",
			"topic", raw.Topic, "partition", raw.Partition, "offset", raw.Offset, "reason", why.Reason, "group", why.Group, "more", more)
	}
	s.DeadLetters.Send(ctx, raw, why, done)
}
