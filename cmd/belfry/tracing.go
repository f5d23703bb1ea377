package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/belfry/belfry/internal/cli"
)

const (
	// otlpEndpoint is where collectors listen by the specification of OTLP/HTTP.
	otlpEndpoint = "http://localhost:4318"
	otlpPath     = "/v1/traces"
	otlpTimeout  = 10 * time.Second
	// tracesFlush bounds how long a process that ends sends what is left.
	tracesFlush = 3 * time.Second
)

// tracing records the traces of a serving process and sends them to a collector.
type tracing struct {
	tracer   trace.Tracer // nil: off
	provider *sdktrace.TracerProvider
}

// openTracing is asked for by the environment variables that OpenTelemetry's
// specification names: OTEL_TRACES_EXPORTER=otlp or an endpoint. Without them it
// does nothing. The SDK reads those of sampling (OTEL_TRACES_SAMPLER), batches
// (OTEL_BSP_...) and limits itself.
func openTracing(ctx context.Context, env func(string) (string, bool), version string, log *slog.Logger) (*tracing, error) {
	get := func(names ...string) string {
		for _, name := range names {
			if v, _ := env(name); v != "" {
				return v
			}
		}
		return ""
	}
	endpoint, base := get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), get("OTEL_EXPORTER_OTLP_ENDPOINT")
	exporter := get("OTEL_TRACES_EXPORTER")
	switch {
	case strings.EqualFold(get("OTEL_SDK_DISABLED"), "true"), exporter == "none", exporter == "" && endpoint == "" && base == "":
		return &tracing{}, nil
	case exporter != "" && exporter != "otlp":
		return nil, cli.Usagef("OTEL_TRACES_EXPORTER is %.80q: otlp and none are known", exporter)
	}
	if p := get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); p != "" && p != "http/protobuf" {
		return nil, cli.Usagef("OTEL_EXPORTER_OTLP_PROTOCOL is %.80q: http/protobuf is known (port 4318 of a collector)", p)
	}
	if endpoint == "" {
		endpoint = strings.TrimSuffix(cmp.Or(base, otlpEndpoint), "/") + otlpPath
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, cli.Usagef("OTEL_EXPORTER_OTLP_ENDPOINT must be an http(s) URL, not %.80q", endpoint)
	}
	headers, err := otlpHeaders(get("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"))
	if err != nil {
		return nil, err
	}
	timeout := otlpTimeout
	if text := get("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"); text != "" {
		ms, err := strconv.Atoi(text)
		if err != nil || ms <= 0 {
			return nil, cli.Usagef("OTEL_EXPORTER_OTLP_TIMEOUT must be milliseconds above 0, not %.80q", text)
		}
		timeout = time.Duration(ms) * time.Millisecond
	}
	attributes := []attribute.KeyValue{attribute.String("service.name", "belfry"), attribute.String("service.version", version)}
	described, err := resource.New(ctx, resource.WithAttributes(attributes...), resource.WithFromEnv())
	if err == nil {
		if name := get("OTEL_SERVICE_NAME"); name != "" {
			described, err = resource.Merge(described, resource.NewSchemaless(attribute.String("service.name", name)))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("describe this process for traces: %w", err)
	}
	sender, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint), otlptracehttp.WithHeaders(headers), otlptracehttp.WithTimeout(timeout))
	if err != nil {
		return nil, fmt.Errorf("open the exporter of traces: %w", err)
	}
	t := &tracing{provider: sdktrace.NewTracerProvider(
		sdktrace.WithResource(described),
		sdktrace.WithBatcher(&toldExporter{SpanExporter: sender, log: log.With("component", "traces")}),
	)}
	t.tracer = t.provider.Tracer("github.com/belfry/belfry")
	return t, nil
}

// otlpHeaders parses a list of name=value, values being percent-encoded.
func otlpHeaders(list string) (map[string]string, error) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			// The value may be a secret.
			return nil, cli.Usagef("OTEL_EXPORTER_OTLP_HEADERS must be a list of name=value")
		}
		headers[strings.TrimSpace(name)] = value
	}
	return headers, nil
}

// Close sends what is left, for some seconds at the most: what a collector does
// not take then is lost, and no error of the process.
func (t *tracing) Close() error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), tracesFlush)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop tracing: %w", err)
	}
	return nil
}
