package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// otlpTries is how often a batch of spans is sent to a collector that is busy.
const otlpTries = 4

// otlpExporter sends spans to a collector by OTLP/HTTP in protobuf
// (opentelemetry-proto 1.x). OpenTelemetry's own exporter brings gRPC along: 7 MB
// of program for one POST.
type otlpExporter struct {
	url     string
	header  http.Header
	client  *http.Client
	log     *slog.Logger
	failing atomic.Bool
}

var _ sdktrace.SpanExporter = (*otlpExporter)(nil)

// ExportSpans implements sdktrace.SpanExporter. What cannot be sent is dropped
// and logged, the first time.
func (e *otlpExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	body := encodeSpans(spans)
	wait := backoff.NewExponentialBackOff()
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, e.post(ctx, body) },
		backoff.WithBackOff(wait), backoff.WithMaxTries(otlpTries))
	switch was := e.failing.Swap(err != nil); {
	case err != nil && !was:
		e.log.Warn("traces not sent, trying on with the next", "err", err)
	case err == nil && was:
		e.log.Info("traces sent again")
	}
	return nil
}

// Shutdown implements sdktrace.SpanExporter.
func (e *otlpExporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

func (e *otlpExporter) post(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(err)
	}
	for name, values := range e.header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := e.client.Do(request)
	if err != nil {
		return fmt.Errorf("send traces: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be kept
	if response.StatusCode < 300 {
		return nil
	}
	err = fmt.Errorf("send traces: %s", response.Status)
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		if after, parseErr := time.ParseDuration(response.Header.Get("Retry-After") + "s"); parseErr == nil {
			return errors.Join(err, backoff.RetryAfter(int(after.Seconds())))
		}
		return err
	}
	return backoff.Permanent(err)
}
