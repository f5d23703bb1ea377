package server

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/server/auth"
)

// watchOps looks at the stream for a time and returns what came.
func watchOps(t *testing.T, a *api, d time.Duration, headers ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/v1/ops/stream", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestOverviewStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, f := opsAPI(t)
		done := make(chan string)
		for range 3 {
			go func() {
				_, body := watchOps(t, a, 4*time.Second)
				done <- body
			}()
		}
		time.Sleep(2 * time.Second)
		f.set(func() { f.lag.MaxLagSeconds = 7 })
		bodies := []string{<-done, <-done, <-done}
		for _, body := range bodies {
			if !strings.HasPrefix(body, "retry: ") || strings.Count(body, "event: overview\n") != 3 {
				t.Fatalf("got %d overviews in 4 s, want 3: %.300s", strings.Count(body, "event: overview\n"), body)
			}
			blocks := strings.Split(strings.TrimSpace(body), "\n\n")
			_, data := eventOf(blocks[len(blocks)-1])
			var last overview
			if err := json.Unmarshal([]byte(data), &last); err != nil || last.Lag.MaxLagSeconds != 7 {
				t.Errorf("got %+v, %v last; want what changed", last.Lag, err)
			}
		}
		f.set(func() {
			if f.looks != 3 {
				t.Errorf("looked %d times for three viewers, want once for all each time", f.looks)
			}
		})
		time.Sleep(time.Hour)
		f.set(func() {
			if f.looks != 3 {
				t.Errorf("looked %d times, want none while nobody looks", f.looks-3)
			}
		})
	})
}

func TestOverviewStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeOps()
		a := newAPI(t, withJWT(t), withOps(f))
		believed := func(ttl time.Duration) string {
			token, err := auth.Token{Subject: "op", Scopes: []string{auth.ScopeOps}, TTL: ttl}.Sign([]byte(testSecret))
			if err != nil {
				t.Fatal(err)
			}
			return "Bearer " + token
		}
		expired := believed(time.Minute)
		status, body := watchOps(t, a, time.Hour, "Authorization", expired)
		if status != 200 || !strings.HasSuffix(body, `data: {"reason":"expired"}`+"\n\n") {
			t.Errorf("got %d …%s, want bye when the token ends", status, body[max(0, len(body)-80):])
		}
		time.Sleep(time.Hour)
		if status, body := watchOps(t, a, time.Hour, "Authorization", expired); status != 200 || strings.Contains(body, "overview") || !strings.Contains(body, `{"reason":"expired"}`) {
			t.Errorf("got %d %s for an expired token, want bye alone", status, body)
		}
		if status, _ := watchOps(t, a, time.Hour); status != 401 {
			t.Errorf("got %d without a token, want 401", status)
		}
		if status, _ := watchOps(t, a, time.Hour, "Authorization", "Bearer "+mint(t, "u", auth.ScopeAdmin)); status != 403 {
			t.Errorf("got %d with another scope, want 403", status)
		}
		a.overviews.viewers = maxViewers
		if _, body := watchOps(t, a, time.Hour, "Authorization", believed(time.Hour)); !strings.Contains(body, `{"reason":"limit"}`) || a.overviews.viewers != maxViewers {
			t.Errorf("got %s for one viewer too many", body)
		}
		a.overviews.viewers = 0
		go func() {
			time.Sleep(5 * time.Second)
			a.overviews.drain()
			a.overviews.drain()
		}()
		if _, body := watchOps(t, a, time.Hour, "Authorization", believed(time.Hour)); !strings.HasSuffix(body, `{"reason":"drain"}`+"\n\n") {
			t.Errorf("got …%s, want bye when the server drains", body[max(0, len(body)-80):])
		}
	})
}
