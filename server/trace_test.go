package server

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// TestATraceparentIsALink holds that a caller can neither have its call recorded nor
// join a trace, unless callers are trusted to.
func TestATraceparentIsALink(t *testing.T) {
	const caller = "0af7651916cd43dd8448eb211c80319c"
	call := func(sampler sdktrace.Sampler, trusted bool) tracetest.SpanStubs {
		spans := tracetest.NewInMemoryExporter()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans), sdktrace.WithSampler(sdktrace.ParentBased(sampler)))
		a := newAPI(t, func(c *Config) {
			c.Tracing = &Tracing{Tracer: provider.Tracer("test")}
			c.TrustTraceparent = trusted
		})
		a.call("POST", "/v1/notifications", `{"recipient":"a","title":"x"}`, "traceparent", "00-"+caller+"-b7ad6b7169203331-01").Want(202)
		if err := provider.ForceFlush(context.Background()); err != nil {
			t.Fatal(err)
		}
		return spans.GetSpans()
	}
	if got := call(sdktrace.NeverSample(), false); len(got) != 0 {
		t.Errorf("a caller had %d spans recorded", len(got))
	}
	got := call(sdktrace.AlwaysSample(), false)
	if len(got) != 1 || got[0].Parent.IsValid() || got[0].SpanContext.TraceID().String() == caller {
		t.Fatalf("got %+v, want one span of a new trace", got)
	}
	if links := got[0].Links; len(links) != 1 || links[0].SpanContext.TraceID().String() != caller {
		t.Errorf("got links %v, want one to the caller", links)
	}
	got = call(sdktrace.NeverSample(), true)
	if len(got) != 1 || got[0].Parent.TraceID().String() != caller || got[0].SpanKind != trace.SpanKindServer {
		t.Errorf("trusted: got %+v, want a span below the caller's", got)
	}
}
