package engine

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"

	"github.com/belfry/belfry/engine/kafka"
)

// gokaContext is embedded under another name, since goka.Context has a method
// Context of its own.
type gokaContext = goka.Context

// Context is the goka context of one record, with the record as it was
// received. It belongs to the callback and is not safe for use after it, but
// for what DeferCommit returns.
type Context struct {
	gokaContext
	records []*sarama.ConsumerMessage // none: they are not known
	topicID kafka.TopicID
	tracker *tracker // of the record's partition
	sup     *Supervisor
	rows    *rowProducer
	silent  int64 // where the partition's silent records end
}

// Records are those that the callback processes, of one key and in the order of
// their offsets; the last is Raw. There is one unless the group takes [Batches].
// The caller may not modify them.
func (c *Context) Records() []*sarama.ConsumerMessage { return c.records }

// Raw returns the record as it was received, the last of several; nil if it is not
// known. The caller may not modify it.
func (c *Context) Raw() *sarama.ConsumerMessage {
	if len(c.records) == 0 {
		return nil
	}
	return c.records[len(c.records)-1]
}

// TopicID is that of the incarnation of the topic that the record was read from.
func (c *Context) TopicID() kafka.TopicID { return c.topicID }

// Fail ends the processor and never returns: goka's own Fail returns while the
// session shuts down, and the callback would go on and have the record
// committed.
func (c *Context) Fail(err error) {
	c.gokaContext.Fail(err)
	panic(err)
}

// Write writes records at once, past what goka counts of its own. The record of the
// callback is committed after they are acknowledged. Records and values belong to
// the client from then on.
func (c *Context) Write(records []*kgo.Record) {
	if len(records) > 0 {
		c.rows.writeAll(rowWrites{records, c.DeferCommit()})
	}
}

// WriteThrough is Write that returns once the brokers have acknowledged the records, or
// when they cannot be written or the session ends.
func (c *Context) WriteThrough(records []*kgo.Record) {
	if len(records) == 0 {
		return
	}
	written, commit := make(chan struct{}), c.DeferCommit()
	c.rows.writeAll(rowWrites{records, func(err error) {
		defer close(written)
		commit(err)
	}})
	select {
	case <-written:
	case <-c.Context().Done():
	}
}

// SetRow sets the value of the callback's key, and writes records once the broker
// has acknowledged that: those of one key keep the order of its rows. The record
// of the callback is committed after all.
func (c *Context) SetRow(row []byte, after []*kgo.Record) {
	if len(after) > 0 {
		c.rows.follow(c.Key(), rowWrites{after, c.DeferCommit()})
	}
	c.SetValue(row)
}

// Callback adapts a callback that wants our Context and the record's value;
// value is nil for a tombstone.
func Callback(process func(c *Context, value []byte)) goka.ProcessCallback {
	return func(ctx goka.Context, msg any) {
		value, _ := msg.([]byte)
		c := ctx.(*Context)
		if c.tracker == nil {
			process(c, value)
			return
		}
		if !c.tracker.take(c.Offset(), time.Now()) {
			return // the session ends, it is read again
		}
		process(c, value)
		c.tracker.putDown()
	}
}

// Guard runs compute, which must not use the goka context (its panics are
// goka's own), and returns a panic in it as a [*PanicError].
func Guard(compute func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			stack := debug.Stack()
			err = &PanicError{Value: r, Stack: string(stack[:min(len(stack), 4096)])}
		}
	}()
	return compute()
}

// PanicError is a panic caught by [Guard]. Stack is cut at 4 KiB.
type PanicError struct {
	Value any
	Stack string
}

// Error returns the panic's value without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Bytes is the goka codec of raw values: decoding is the callback's, so that
// bytes that don't decode can become a dead letter instead of ending goka.
type Bytes struct{}

// Encode returns value, which must be a []byte.
func (Bytes) Encode(value any) ([]byte, error) {
	b, ok := value.([]byte)
	if !ok {
		return nil, fmt.Errorf("encode %T as bytes", value)
	}
	return b, nil
}

// Decode returns data itself.
func (Bytes) Decode(data []byte) (any, error) { return data, nil }

// TraceOf returns the span in which a record was written; it is invalid if that
// is not known, or not recorded.
func TraceOf(m *sarama.ConsumerMessage) trace.SpanContext {
	for _, h := range m.Headers {
		if string(h.Key) == kafka.TraceParent {
			if span := kafka.ParseTrace(h.Value); span.IsSampled() {
				return span
			}
		}
	}
	return trace.SpanContext{}
}
