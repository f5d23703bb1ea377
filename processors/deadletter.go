package processors

import (
	"errors"

	"github.com/IBM/sarama"

	"go.opentelemetry.io/otel/trace"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
)

// DeadLetters takes what cannot be processed. done is called once the broker
// has acknowledged it, or with the error.
type DeadLetters interface {
	Send(raw *sarama.ConsumerMessage, group string, reason belfry.Reason, cause error, done func(error))
}

// Reports is told of rows in the order of the table, see views.Reports: of one
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
	// Tracer records what becomes of records whose senders have begun a trace;
	// nil records nothing.
	Tracer trace.Tracer
}

// setAside makes the record a dead letter. Its offset is committed once that is
// acknowledged; if it cannot be, the group fails and reads the record again.
func (d *Deps) setAside(c *engine.Context, cause error) {
	group := string(c.Group())
	reason := reasonOf(cause)
	d.Metrics.dead(group, reason)
	d.DeadLetters.Send(c.Raw(), group, reason, cause, c.DeferCommit())
}

func reasonOf(err error) belfry.Reason {
	var panicked *engine.PanicError
	switch {
	case errors.As(err, &panicked):
		return belfry.ReasonPanic
	case errors.Is(err, belfry.ErrEmpty):
		return belfry.ReasonEmpty
	case errors.Is(err, belfry.ErrTooLarge):
		return belfry.ReasonTooLarge
	case errors.Is(err, belfry.ErrInvalid):
		return belfry.ReasonInvalid
	default:
		return belfry.ReasonUndecodable
	}
}
