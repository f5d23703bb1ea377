package server

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/belfry/belfry/server/auth"
)

// Tracing has calls that write, and items that come out of streams, recorded as
// spans of OpenTelemetry traces.
type Tracing struct {
	Tracer trace.Tracer
	// Item returns in which span an item was written into the table and when it
	// came into this server's copy, once: for the first stream that shows it. The
	// span is invalid if there is none.
	Item func(recipient string, seq uint64) (trace.SpanContext, time.Time)
}

// traced records the calls of a handler, each in a trace of its own with a link to that
// which the caller's traceparent header names: a caller would decide otherwise what is
// recorded, and put spans into the traces of others. With Config.TrustTraceparent the
// call belongs to the caller's trace (W3C Trace Context, section 4.3). The journal
// carries the trace on from the request's context.
func (s *Server) traced(method, route string, h handler) handler {
	t := s.config.Tracing
	if t == nil || method == http.MethodGet {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request, c auth.Call) error {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		options := []trace.SpanStartOption{
			trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route)),
		}
		if caller := trace.SpanContextFromContext(ctx); caller.IsValid() && !s.config.TrustTraceparent {
			options = append(options, trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: caller}))
		}
		ctx, span := t.Tracer.Start(ctx, method+" "+route, options...)
		defer span.End()
		err := h(w, r.WithContext(ctx), c)
		if p, _ := newProblem(err); err != nil && p.Status >= http.StatusInternalServerError {
			// The text of err may name the user.
			span.SetStatus(codes.Error, "")
		}
		return err
	}
}

// pushed records that a stream has shown an item to its user.
func (t *Tracing) pushed(user string, seq uint64) {
	parent, came := t.Item(user, seq)
	if !parent.IsValid() {
		return
	}
	_, span := t.Tracer.Start(trace.ContextWithRemoteSpanContext(context.Background(), parent), "push",
		trace.WithSpanKind(trace.SpanKindProducer), trace.WithTimestamp(came))
	span.End()
}
