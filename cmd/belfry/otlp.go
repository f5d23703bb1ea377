package main

import (
	"context"
	"log/slog"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// toldExporter tells our log of an exporter that fails and that works again,
// once each: what it cannot send is lost, and no error of the process.
// OpenTelemetry would tell a handler that is the same for all of the process.
type toldExporter struct {
	sdktrace.SpanExporter
	log     *slog.Logger
	failing atomic.Bool
}

// ExportSpans implements sdktrace.SpanExporter.
func (e *toldExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch was := e.failing.Swap(err != nil); {
	case err != nil && !was:
		e.log.Warn("traces not sent, trying on with the next", "err", err)
	case err == nil && was:
		e.log.Info("traces sent again")
	}
	return nil
}
