package kafka

import (
	"context"

	"github.com/lovoo/goka"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TraceParent is the header that carries a trace (W3C Trace Context, section
// 3.2), in records as in HTTP requests.
const TraceParent = "traceparent"

// ParseTrace returns the span that the text of a traceparent header names; it is
// invalid for any other text.
func ParseTrace(header []byte) trace.SpanContext {
	carrier := propagation.MapCarrier{TraceParent: string(header)}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}

// TraceHeaders are what a record carries that was written in a span: nil unless
// the span is recorded.
func TraceHeaders(span trace.SpanContext) goka.Headers {
	if !span.IsSampled() {
		return nil
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), span), carrier)
	return goka.Headers{TraceParent: []byte(carrier[TraceParent])}
}
