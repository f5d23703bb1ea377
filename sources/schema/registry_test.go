package schema_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/schema"
)

func refused(t *testing.T, d *envelope.Decoder, r sources.Record, want string) {
	t.Helper()
	got, err := d.Decode(t.Context(), r)
	if !errors.Is(err, belfry.ErrInvalid) || errors.Is(err, sources.ErrUnavailable) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, %v, want an input error with %q", got, err, want)
	}
}

func TestDecoderWaitsForTheRegistry(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		answer string
		asked  int // at once
	}{
		{"server error", http.StatusInternalServerError, "", 3},
		{"wrong password", http.StatusUnauthorized, "", 3},
		{"too many requests", http.StatusTooManyRequests, "", 3},
		{"another server's 404", http.StatusNotFound, "", 1},
		{"another server's page", 0, "<html>", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRegistry(t)
			r.answers["/schemas/ids/1"] = tt.answer
			r.set(tt.status)
			d := r.decoder()
			_, err := d.Decode(t.Context(), sources.Record{Value: frame(1, "\x02a")})
			if !errors.Is(err, sources.ErrUnavailable) || errors.Is(err, belfry.ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			asked := slices.DeleteFunc(r.requests(), func(path string) bool { return path == wellPath })
			if len(asked) != tt.asked {
				t.Errorf("asked for %q, want it %d times", asked, tt.asked)
			}
			r.put(t, "/schemas/ids/1", "", `"string"`)
			r.set(0)
			if got := decodeOne(t, d, frame(1, "\x02a")); got.Value != "a" {
				t.Errorf("got %v", got.Value)
			}
		})
	}
}

func TestDecoderWithoutItsRegistry(t *testing.T) {
	t.Parallel()
	r := newRegistry(t)
	r.put(t, "/schemas/ids/1", "", `"string"`)
	for name, url := range map[string]string{"nobody listens": "http://127.0.0.1:1", "no URL": "registry", "bad URL": "http://user:secret@[::1"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := decoderOf(schema.Config{URL: url, User: "user", Password: "secret"})
			_, err := d.Decode(t.Context(), sources.Record{Value: frame(1, "\x02a")})
			if !errors.Is(err, sources.ErrUnavailable) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v", err)
			}
			if got := decodeOne(t, d, frame(1, orderText)); got.Value == nil {
				t.Error("JSON needs no registry")
			}
		})
	}
}

func TestRegistryChecksItsURL(t *testing.T) {
	answer := handlerTransport(func(q *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"schema":"\"string\""}`)), Header: http.Header{}, Request: q}, nil
	})
	for _, url := range []string{"", "registry", "registry:8081", "ftp://registry", "http://", "http://user:secret@registry:port", "http://registry,"} {
		_, err := decoderOf(schema.Config{URL: url, Transport: answer}).Decode(t.Context(), sources.Record{Value: frame(1, "\x02a")})
		if !errors.Is(err, sources.ErrUnavailable) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", url, err)
		}
	}
	for _, url := range []string{"http://registry:8081", "https://user:secret@registry/path", "http://a:8081,http://b:8081"} {
		if got := decodeOne(t, decoderOf(schema.Config{URL: url, Transport: answer}), frame(1, "\x02a")); got.Value != "a" {
			t.Errorf("%s: got %v", url, got.Value)
		}
	}
}

func TestDecoderAsksTheNextServer(t *testing.T) {
	r := newRegistry(t)
	r.put(t, "/schemas/ids/1", "", `"string"`)
	if got := decodeOne(t, decoderOf(schema.Config{URL: "http://127.0.0.1:1, " + r.URL}), frame(1, "\x02a")); got.Value != "a" {
		t.Errorf("got %v", got.Value)
	}
}

func TestDecoderAsksOnce(t *testing.T) {
	r := newRegistry(t)
	r.put(t, "/schemas/ids/1", "", `"string"`)
	d := r.decoder()
	for range 3 {
		decodeOne(t, d, frame(1, "\x02a"))
		refused(t, d, sources.Record{Value: frame(2, "\x02a")}, "not found")
	}
	if got := r.requests(); len(got) != 2 {
		t.Errorf("asked for %q, want each once", got)
	}
}

func TestDecoderSendsThePassword(t *testing.T) {
	for _, at := range []string{"", "other:one@"} {
		r := newRegistry(t)
		r.put(t, "/schemas/ids/1", "", `"string"`)
		decodeOne(t, decoderOf(schema.Config{URL: strings.Replace(r.URL, "//", "//"+at, 1), User: "user", Password: "secret"}), frame(1, "\x02a"))
		if want := "Basic dXNlcjpzZWNyZXQ="; r.auth != want {
			t.Errorf("got %q, want %q", r.auth, want)
		}
		decodeOne(t, decoderOf(schema.Config{URL: strings.Replace(r.URL, "//", "//user:secret@", 1)}), frame(1, "\x02a"))
		if want := "Basic dXNlcjpzZWNyZXQ="; r.auth != want {
			t.Errorf("of the URL: got %q, want %q", r.auth, want)
		}
	}
}

func TestDecoderGivesUpWithItsCaller(t *testing.T) {
	r := newRegistry(t)
	r.set(http.StatusServiceUnavailable)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the group is stopping")
	cancel(cause)
	_, err := r.decoder().Decode(ctx, sources.Record{Value: frame(1, "\x02a")})
	if !errors.Is(err, cause) || errors.Is(err, belfry.ErrInvalid) || errors.Is(err, sources.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// handlerTransport answers without a network, so that a bubble's time moves on.
type handlerTransport func(*http.Request) (*http.Response, error)

func (f handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestDecoderAsksAgainForAnUnknownSchema(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked int
		d := decoderOf(schema.Config{URL: "http://registry", Transport: handlerTransport(func(q *http.Request) (*http.Response, error) {
			asked++
			status, body := http.StatusNotFound, `{"error_code":40403,"message":"Schema not found"}`
			if asked > 1 {
				status, body = http.StatusOK, `{"schema":"\"string\""}`
			}
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}, Request: q}, nil
		})})
		refused(t, d, sources.Record{Value: frame(1, "\x02a")}, "not found")
		time.Sleep(time.Minute + 1)
		if got := decodeOne(t, d, frame(1, "\x02a")); got.Value != "a" || asked != 2 {
			t.Errorf("got %v after %d questions", got.Value, asked)
		}
	})
}

// TestDecoderForgetsSchemas holds that ids without end do not fill memory, and
// that it is the least used one that goes.
func TestDecoderForgetsSchemas(t *testing.T) {
	asked := map[string]int{}
	d := decoderOf(schema.Config{URL: "http://registry", Transport: handlerTransport(func(q *http.Request) (*http.Response, error) {
		asked[q.URL.Path]++
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"schema":"\"string\""}`)), Header: http.Header{}, Request: q}, nil
	})})
	for id := range uint32(1500) {
		decodeOne(t, d, frame(id, "\x02a"))
		decodeOne(t, d, frame(0, "\x02a")) // often used
	}
	decodeOne(t, d, frame(1, "\x02a"))    // long gone
	decodeOne(t, d, frame(1499, "\x02a")) // just come
	if got := [3]int{asked["/schemas/ids/0"], asked["/schemas/ids/1"], asked["/schemas/ids/1499"]}; got != [3]int{1, 2, 1} {
		t.Errorf("asked %v times, want [1 2 1]", got)
	}
}

func TestDecoderRefusesReferencesWithoutEnd(t *testing.T) {
	r := newRegistry(t)
	r.put(t, "/schemas/ids/1", "", `"string"`, reference("a", "a", 1))
	r.put(t, "/subjects/a/versions/1", "", `{"type":"enum","name":"a","symbols":["A"]}`, reference("a", "a", 1))
	if got := decodeOne(t, r.decoder(), frame(1, "\x02a")); got.Value != "a" {
		t.Errorf("one that refers to itself: got %v", got.Value)
	}
	var many []map[string]any
	for i := range 201 {
		many = append(many, reference("a", "a", i+1))
		r.put(t, fmt.Sprintf("/subjects/a/versions/%d", i+1), "", `{"type":"enum","name":"a","symbols":["A"]}`)
	}
	r.put(t, "/schemas/ids/2", "", `"string"`, many...)
	refused(t, r.decoder(), sources.Record{Value: frame(2, "\x02a")}, "at most 200 others")
}
