package schema_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/schema"
)

// answers are what a registry says, by path; 404 in words of its web server else.
type answers map[string]answer

type answer struct {
	status int
	body   string
}

func (a answers) RoundTrip(q *http.Request) (*http.Response, error) {
	found, ok := a[q.URL.Path]
	if !ok {
		found.status, found.body = http.StatusNotFound, `{"error_code":404,"message":"HTTP 404 Not Found"}`
	}
	header := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{StatusCode: found.status, Body: io.NopCloser(strings.NewReader(found.body)), Header: header, Request: q}, nil
}

const wellPath = "/schemas/types"

// guided is a record whose header has a schema's GUID.
func guided(t *testing.T) sources.Record {
	t.Helper()
	id := append([]byte{1}, 0x6f, 0x2c, 0x1c, 0x5e, 0x1d, 0x2b, 0x4a, 0x33, 0x8e, 0x55, 1, 2, 3, 4, 5, 6)
	return sources.Record{Value: []byte("\x02a"), Headers: []sources.Header{{Key: "__value_schema_id", Value: id}}}
}

// TestADefiniteNoIsALetter holds that a registry which is well and does not have a
// path does not have the schema: an older one does not know GUIDs at all, and the
// partition would wait for ever.
func TestADefiniteNoIsALetter(t *testing.T) {
	for name, record := range map[string]sources.Record{"GUID": guided(t), "id": {Value: frame(1, "\x02a")}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := answers{}
				d := decoderOf(schema.Config{URL: "http://registry", Transport: a})
				if _, err := d.Decode(t.Context(), record); !errors.Is(err, sources.ErrUnavailable) {
					t.Errorf("of a server that is no registry: got %v, want that it is waited for", err)
				}
				a[wellPath] = answer{http.StatusOK, `["AVRO"]`}
				refused(t, d, record, "404")
			})
		})
	}
}

// TestASchemaThatAlwaysFailsIsALetter holds that a schema at which a registry fails,
// which is well otherwise, holds its partition up for minutes and not for ever; and
// that all wait while it fails at everything.
func TestASchemaThatAlwaysFailsIsALetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := answers{"/schemas/ids/1": answer{500, `{"error_code":50001,"message":"backend"}`}, wellPath: answer{500, ""}}
		d := decoderOf(schema.Config{URL: "http://registry", Transport: a})
		record := sources.Record{Value: frame(1, "\x02a")}
		waits := func(d *envelope.Decoder) {
			t.Helper()
			if _, err := d.Decode(t.Context(), record); !errors.Is(err, sources.ErrUnavailable) {
				t.Fatalf("got %v, want that it is waited for", err)
			}
		}
		waits(d)
		time.Sleep(time.Hour)
		waits(d) // the registry is down
		a[wellPath] = answer{200, `["AVRO"]`}
		refused(t, d, record, "replay the record")
		// Once it can, it is read again, and another failure is a new one.
		a["/schemas/ids/1"] = answer{200, `{"schema":"\"string\""}`}
		time.Sleep(time.Minute + 1)
		if got := decodeOne(t, d, record.Value); got.Value != "a" {
			t.Errorf("got %v", got.Value)
		}
		d = decoderOf(schema.Config{URL: "http://registry", Transport: a})
		a["/schemas/ids/1"] = answer{503, ""}
		waits(d)
		time.Sleep(4 * time.Minute)
		waits(d)
		time.Sleep(time.Minute)
		refused(t, d, record, "replay the record")
	})
}

// TestRedirectsStayWithTheRegistry holds that neither the password nor the question
// goes to another host or port.
func TestRedirectsStayWithTheRegistry(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		elsewhere.Add(1)
		_, _ = io.WriteString(w, `{"schema":"\"string\""}`)
	}))
	defer other.Close()
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/schemas/ids/1":
			http.Redirect(w, r, other.URL+r.URL.Path, http.StatusFound)
		case "/schemas/ids/2":
			http.Redirect(w, r, "/moved", http.StatusFound)
		case "/moved":
			if user, _, _ := r.BasicAuth(); user != "user" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = io.WriteString(w, `{"schema":"\"string\""}`)
		}
	}))
	defer registry.Close()
	d := decoderOf(schema.Config{URL: registry.URL, User: "user", Password: "secret"})
	_, err := d.Decode(t.Context(), sources.Record{Value: frame(1, "\x02a")})
	if !errors.Is(err, sources.ErrUnavailable) || !strings.Contains(err.Error(), "it redirects to "+other.URL) || elsewhere.Load() != 0 {
		t.Errorf("got %v, and %d requests elsewhere", err, elsewhere.Load())
	}
	if got := decodeOne(t, d, frame(2, "\x02a")); got.Value != "a" {
		t.Errorf("within the registry: got %v", got.Value)
	}
}
