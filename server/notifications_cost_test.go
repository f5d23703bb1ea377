package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
)

// sink is a journal that keeps nothing.
type sink struct{ written int }

func (s *sink) Append(_ context.Context, records ...inbox.Addressed) ([]inbox.Position, error) {
	n := 0
	for i := range records {
		n += len(records[i].Recipients)
	}
	s.written += n
	return make([]inbox.Position, n), nil
}

// TestManyRecipientsCostOneNotification bounds what a call of 69 KB for 1,000
// recipients costs: its body, what is read of it, and the list of recipients.
func TestManyRecipientsCostOneNotification(t *testing.T) {
	const most = 1 << 20
	journal := &sink{}
	a := newAPI(t, func(c *Config) { c.Journal = journal })
	var recipients []string
	for i := range belfry.MaxRecipients {
		recipients = append(recipients, fmt.Sprintf(`"u%d"`, i))
	}
	body := `{"title":"x","body":"` + strings.Repeat("x", 60<<10) + `","recipients":[` + strings.Join(recipients, ",") + `]}`
	handler := a.Handler()
	post := func() {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost/v1/notifications", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != http.StatusAccepted {
			t.Fatalf("got %d: %s", w.Code, w.Body)
		}
	}
	post()
	const calls = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		post()
	}
	runtime.ReadMemStats(&after)
	if cost := (after.TotalAlloc - before.TotalAlloc) / calls; cost > most {
		t.Errorf("a call of %d bytes allocates %d, want at most %d", len(body), cost, most)
	} else {
		t.Logf("a call of %d bytes allocates %d", len(body), cost)
	}
	if want := (calls + 1) * belfry.MaxRecipients; journal.written != want {
		t.Errorf("%d records were written, want %d", journal.written, want)
	}
}

// BenchmarkPost is what a call with one notification of a service costs the server
// besides net/http and the broker: ServiceWriteRate is chosen by it.
func BenchmarkPost(b *testing.B) {
	a := newAPI(b, withJWT(b), func(c *Config) { c.Journal, c.Limits.WriteRate = &sink{}, -1 })
	handler, token := a.Handler(), "Bearer "+mint(b, "orders", auth.ScopeNotify)
	const body = `{"id":"order-1","recipient":"user-7","type":"order.created","category":"order","title":"Order 1 was placed","url":"/orders/1","data":{"order":1}}`
	w := &nothing{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "http://localhost/v1/notifications", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", token)
		clear(w.header)
		if handler.ServeHTTP(w, r); w.status != http.StatusAccepted {
			b.Fatalf("got %d", w.status)
		}
	}
}
