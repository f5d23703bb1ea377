package engine

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
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
	raw     *sarama.ConsumerMessage
	topicID kafka.TopicID
	tracker *tracker // of the record's partition
	sup     *Supervisor
	rows    *rowProducer // nil: the processor has no table
	after   []rowWrite   // of the row that is set next
	silent  int64        // where the partition's silent records end
}

// Raw returns the record as it was received. The caller may not modify it.
func (c *Context) Raw() *sarama.ConsumerMessage { return c.raw }

// TopicID is that of the incarnation of the topic that the record was read from.
func (c *Context) TopicID() kafka.TopicID { return c.topicID }

// Fail ends the processor and never returns: goka's own Fail returns while the
// session shuts down, and the callback would go on and have the record
// committed.
func (c *Context) Fail(err error) {
	c.gokaContext.Fail(err)
	panic(err)
}

// EmitAfter writes to a topic once the broker has acknowledged the row that the
// callback goes on to set, which it must. The record's offset is committed after
// that. A nil value is a tombstone; the value may not be modified any more. Writes
// of one key keep the order of its rows, and come in any order to other writes.
func (c *Context) EmitAfter(topic goka.Stream, key string, value []byte) {
	c.after = append(c.after, rowWrite{string(topic), key, value})
}

// SetValue implements goka.Context.
func (c *Context) SetValue(value any, options ...goka.ContextOption) {
	if len(c.after) > 0 {
		c.rows.follow(c.Key(), rowWrites{c.after, c.DeferCommit()})
		c.after = nil
	}
	c.gokaContext.SetValue(value, options...)
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

// Trace returns the span in which the record was written; it is invalid if that
// is not known, or not recorded.
func (c *Context) Trace() trace.SpanContext {
	for _, h := range c.raw.Headers {
		if string(h.Key) == kafka.TraceParent {
			if span := kafka.ParseTrace(h.Value); span.IsSampled() {
				return span
			}
		}
	}
	return trace.SpanContext{}
}
