package processors

import (
	"context"
	"errors"
	"log/slog"

	"github.com/IBM/sarama"

	"go.opentelemetry.io/otel/trace"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/inflate"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/rules"
	"github.com/belfry/belfry/timers"
)

// DeadLetters takes what cannot be processed. It may block until there is room or
// ctx has ended. done is called once, when the broker has acknowledged it, or
// with the error. The error need not say where the record is from.
type DeadLetters interface {
	Send(ctx context.Context, raw *sarama.ConsumerMessage, why deadletter.Envelope, done func(error))
}

// Reports hears of rows in the order of the table, see upkeep.Reports: of one
// that was refused for its lower version, and of one that was taken or is about
// to be written. Its methods must not block.
type Reports interface {
	Refused(key string)
	Accepted(key string)
}

// Deps is what every group needs.
type Deps struct {
	Prefix      belfry.Prefix
	DeadLetters DeadLetters
	Metrics     *Metrics
	Rows        Reports // of the unread table; may be nil
	// Timers has what rows name times for done then; nil: nobody does it.
	Timers *timers.Queue
	// Policy is what users are told by at this time, nil for nothing; a nil function is
	// nothing for ever. It must be safe for concurrent use.
	Policy func() *reach.Policy
	// Log has what is dropped or left out, see [Deps.sometimes]; nil: slog's default.
	Log *slog.Logger
	// Repeats compares what is dropped for its id; nil: nobody does.
	Repeats *Repeats
	// Tracer records what becomes of records whose senders have begun a trace;
	// nil records nothing.
	Tracer trace.Tracer
	// Turns bounds the memory of large records that are routed; nil: nothing does.
	Turns *sources.Turns
	// Backlog is what the fold of this process has yet to do; nil: there is none here.
	Backlog *engine.Backlog
	// Notices is how fast notices to many are written; nil: nothing holds them back.
	Notices *NoticePace
	// Features are the capabilities that are open.
	Features inbox.Features
	// BroadcastCap is how many live notices a board keeps; less than 1 is
	// [board.DefaultLimit]. It is the same in every instance.
	BroadcastCap int
}

// setAside makes the record a dead letter. Its offset is committed once that is
// acknowledged; if it cannot be, the group fails and reads the record again.
func (d *Deps) setAside(c *engine.Context, m *sarama.ConsumerMessage, cause error) {
	why := whyDead(cause)
	if refused := inflate.Refused(m); refused != nil { // it stands for a batch and has nothing to be replayed
		why = whyDead(refused)
		why.Length = refused.Bytes
		bare := *m
		bare.Headers, m = nil, &bare
	}
	d.Metrics.records.WithLabelValues(string(c.Group()), "dead-letter").Inc()
	d.send(c, m, why)
}

// setAsidePart makes the record a letter about recipients who can be nobody's,
// beside what all others get.
func (d *Deps) setAsidePart(c *engine.Context, cause error) {
	why := whyDead(cause)
	why.Part = true
	why.Error += "; the others got theirs"
	d.send(c, c.Raw(), why)
}

func (d *Deps) send(c *engine.Context, m *sarama.ConsumerMessage, why deadletter.Envelope) {
	why.Group, why.TopicID, why.Attempt = string(c.Group()), c.TopicID(), 1
	if string(c.Topic()) == d.Prefix.Journal() {
		// In any other topic a header of that name is somebody else's.
		why.Attempt = 1 + deadletter.ParseReplayOf(kafka.Headers(m))
	}
	d.Metrics.dead(why.Group, why.Reason)
	// The error may quote the record, which is people's own: no line has it.
	if log, more := d.sometimes("dead letter", why.Group, string(why.Reason), why.Rule); log != nil {
		log.Warn("record set aside as a dead letter; belfry dead-letters list shows the error", "topic", c.Topic(), "partition", c.Partition(), "offset", m.Offset,
			"reason", why.Reason, "rule", why.Rule, "field", why.Field, "group", why.Group, "more", more)
	}
	d.DeadLetters.Send(c.Context(), m, why, c.DeferCommit())
}

// whyDead is what an error tells.
func whyDead(err error) deadletter.Envelope {
	why := deadletter.Envelope{Reason: deadletter.ReasonUndecodable, Error: err.Error()}
	panicked, isPanic := errors.AsType[*engine.PanicError](err)
	if isPanic {
		why.Stack = panicked.Stack
	}
	rule, isRule := errors.AsType[*rules.Error](err)
	if isRule {
		why.Rule, why.Field = rule.Rule, rule.Field
	}
	switch {
	case isPanic:
		why.Reason = deadletter.ReasonPanic
	case errors.Is(err, belfry.ErrEmpty):
		why.Reason = deadletter.ReasonEmpty
	case errors.Is(err, belfry.ErrTooLarge):
		why.Reason = deadletter.ReasonTooLarge
	case isRule:
		why.Reason = deadletter.ReasonRule
	case errors.Is(err, belfry.ErrInvalid):
		why.Reason = deadletter.ReasonInvalid
	}
	return why
}
