package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/IBM/sarama"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry/internal/kafkatest"
)

// sentSpan is a span as a collector gets it.
type sentSpan struct{ trace, id, parent, name string }

// collector takes spans by OTLP/HTTP.
type collector struct {
	url string

	mu    sync.Mutex
	spans []sentSpan
	names map[string]bool // of services
	heads []http.Header
}

func newCollector(t *testing.T) *collector {
	c := &collector{names: map[string]bool{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("got %s %v, %v", r.URL, r.Header, err)
		}
		c.take(body, r.Header)
	}))
	t.Cleanup(s.Close)
	c.url = s.URL
	return c
}

func (c *collector) take(body []byte, head http.Header) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heads = append(c.heads, head)
	for _, resourceSpans := range fields(body)[1] {
		of := fields(resourceSpans)
		for _, a := range fields(of[1][0])[1] {
			if kv := fields(a); string(kv[1][0]) == "service.name" {
				c.names[string(fields(kv[2][0])[1][0])] = true
			}
		}
		for _, scopeSpans := range of[2] {
			for _, s := range fields(scopeSpans)[2] {
				span := fields(s)
				parent := ""
				if len(span[4]) > 0 {
					parent = hex.EncodeToString(span[4][0])
				}
				c.spans = append(c.spans, sentSpan{hex.EncodeToString(span[1][0]), hex.EncodeToString(span[2][0]), parent, string(span[5][0])})
			}
		}
	}
}

// fields returns the fields of a message by number, those of a fixed size or a
// number as the bytes they came in.
func fields(b []byte) map[protowire.Number][][]byte {
	out := map[protowire.Number][][]byte{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		b = b[n:]
		if kind == protowire.BytesType {
			value, n := protowire.ConsumeBytes(b)
			out[number], b = append(out[number], value), b[n:]
			continue
		}
		n = protowire.ConsumeFieldValue(number, kind, b)
		out[number], b = append(out[number], b[:n]), b[n:]
	}
	return out
}

// path returns the names of the spans of a trace from the one below that parent
// on, each the child of the one before.
func (c *collector) path(trace, parent string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for {
		i := slices.IndexFunc(c.spans, func(s sentSpan) bool { return s.trace == trace && s.parent == parent })
		if i < 0 {
			return names
		}
		names, parent = append(names, c.spans[i].name), c.spans[i].id
	}
}

// TestOneTraceFromProducerToSocket has records and a call carry traces, and
// finds each of them at the collector as one chain that ends with the frame.
func TestOneTraceFromProducerToSocket(t *testing.T) {
	t.Parallel()
	brokers, c := kafkatest.Embedded(t), newCollector(t)
	s := startServingEnv(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": c.url, "OTEL_SERVICE_NAME": "badges", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20secret",
	}, runArgs(t, brokers, "--auth", "none", "--trust-traceparent")...)
	s.AwaitReady()
	frames := openStream(t, s.url, "", "user-7")
	awaitFrame(t, frames, "unread", "")
	const produced, called, unsampled = "0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319d", "0af7651916cd43dd8448eb211c80319e"
	const parent = "b7ad6b7169203331"
	record := func(title, header string) *sarama.ProducerMessage {
		m := &sarama.ProducerMessage{Topic: "belfry.notifications", Value: sarama.StringEncoder(`{"recipient":"user-7","title":"` + title + `"}`)}
		if header != "" {
			m.Headers = []sarama.RecordHeader{{Key: []byte("traceparent"), Value: []byte(header)}}
		}
		return m
	}
	kafkatest.Produce(t, brokers,
		record("no trace", ""), record("no such trace", "00-nonsense"),
		record("not recorded", "00-"+unsampled+"-"+parent+"-00"),
		record("recorded", "00-"+produced+"-"+parent+"-01"))
	awaitFrame(t, frames, "item", `"title":"recorded"`)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/notifications", strings.NewReader(`{"recipient":"user-7","title":"called"}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("traceparent", "00-"+called+"-"+parent+"-01")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	awaitFrame(t, frames, "item", `"title":"called"`)
	s.wantCleanStop() // and so all is sent

	if got, want := fmt.Sprint(c.path(produced, parent)), "[route fold push]"; got != want {
		t.Errorf("got spans %s for the record, want %s", got, want)
	}
	if got, want := fmt.Sprint(c.path(called, parent)), "[POST /v1/notifications fold push]"; got != want {
		t.Errorf("got spans %s for the call, want %s", got, want)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.spans) != 6 {
		t.Errorf("got %d spans, want 6: %v", len(c.spans), c.spans)
	}
	if len(c.names) != 1 || !c.names["badges"] {
		t.Errorf("got services %v, want badges", c.names)
	}
	if got := c.heads[0].Get("api-key"); got != "a secret" {
		t.Errorf("got header %q, want the one that was set", got)
	}
	if strings.Contains(s.stderr.String(), "secret") {
		t.Errorf("a secret is in the log:\n%s", s.stderr)
	}
}

func TestOpenTracing(t *testing.T) {
	for _, tt := range []struct {
		name string
		env  map[string]string
		on   bool
		want string // in the error
	}{
		{"nothing", nil, false, ""},
		{"none", map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, false, ""},
		{"disabled", map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, false, ""},
		{"otlp", map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		{"an endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4318/"}, true, ""},
		{"an endpoint of traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, true, ""},
		{"another exporter", map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, "OTEL_TRACES_EXPORTER"},
		{"gRPC", map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, "http/protobuf"},
		{"no URL", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, false, "OTEL_EXPORTER_OTLP_ENDPOINT"},
		{"no time", map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, false, "OTEL_EXPORTER_OTLP_TIMEOUT"},
		{"no headers", map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_HEADERS": "hush"}, false, "OTEL_EXPORTER_OTLP_HEADERS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := openTracing(t.Context(), func(name string) (string, bool) { v, ok := tt.env[name]; return v, ok }, "1", slog.New(slog.DiscardHandler))
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hush") {
					t.Errorf("got %v, want an error that names %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if on := got.tracer != nil; on != tt.on {
				t.Errorf("got a tracer: %t, want %t", on, tt.on)
			}
			if err := got.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A collector that is busy is asked again, one that refuses is not, and either
// is told of once.
func TestExporterThatIsRefused(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	answers, asked := []int{503, 200, 400, 400, 200}, 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(answers[asked])
		asked++
	}))
	t.Cleanup(s.Close)
	var log bytes.Buffer
	tracing, err := openTracing(t.Context(), func(name string) (string, bool) {
		return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": s.URL}[name], true
	}, "1", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		_, span := tracing.tracer.Start(t.Context(), "span")
		span.End()
		if err := tracing.provider.ForceFlush(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := tracing.Close(); err != nil {
		t.Error(err)
	}
	if asked != len(answers) {
		t.Errorf("got %d requests, want %d", asked, len(answers))
	}
	if got := log.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "400 Bad Request") || !strings.Contains(got, "traces sent again") {
		t.Errorf("got log\n%s", got)
	}
}
