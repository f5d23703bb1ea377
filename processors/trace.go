package processors

import (
	"context"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
)

// span begins the span of a record whose sender has begun a trace that is
// recorded; a record without one begins none. Writes for the record
// take headers, so that the trace goes on from there. end must be called.
func (d *Deps) span(c *engine.Context, raw *sarama.ConsumerMessage, name string) (headers goka.Headers, end func()) {
	if d.Tracer == nil {
		return nil, func() {}
	}
	parent := engine.TraceOf(raw)
	if !parent.IsValid() {
		return nil, func() {}
	}
	_, span := d.Tracer.Start(trace.ContextWithRemoteSpanContext(context.Background(), parent), name,
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(
			attribute.String("messaging.system", "kafka"),
			attribute.String("messaging.destination.name", raw.Topic),
			attribute.Int64("messaging.destination.partition.id", int64(raw.Partition)),
			attribute.Int64("messaging.kafka.offset", raw.Offset),
			attribute.String("messaging.consumer.group.name", string(c.Group())),
		))
	return kafka.TraceHeaders(span.SpanContext()), func() { span.End() }
}
