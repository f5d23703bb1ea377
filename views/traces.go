package views

import (
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/recent"
)

// tracesKept is how many items a generation of Traces holds.
const tracesKept = 8192

// Traces remembers the traces of items that have just come into the inbox table,
// until the first stream shows them: the last 8,192 to 16,384. It is safe for
// concurrent use.
type Traces struct {
	mu      sync.Mutex
	arrived *recent.Map[string, arrived]
}

// arrived is when an item came, and in which span it was written.
type arrived struct {
	span trace.SpanContext
	at   time.Time
}

// NewTraces returns one that remembers nothing.
func NewTraces() *Traces { return &Traces{arrived: recent.New[string, arrived](tracesKept)} }

func (t *Traces) put(key string, header []byte) {
	span := kafka.ParseTrace(header)
	if !span.IsSampled() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.arrived.Put(key, arrived{span, time.Now()})
}

// Take forgets the trace of an item and returns the span in which it was written
// and when it came into the table; the span is invalid if there was none.
func (t *Traces) Take(recipient string, seq uint64) (trace.SpanContext, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.arrived.Len() == 0 {
		return trace.SpanContext{}, time.Time{}
	}
	a, _ := t.arrived.Take(inbox.ItemKey(recipient, seq))
	return a.span, a.at
}
