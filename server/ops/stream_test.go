package ops_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/ops"
)

// watchOps looks at the stream for a time and returns what came.
func watchOps(t *testing.T, a *api, d time.Duration, headers ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	w := a.within(ctx, http.MethodGet, "/v1/ops/stream", "", headers...)
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
		f.Set(func() { f.Collected.MaxLagSeconds = 7 })
		bodies := []string{<-done, <-done, <-done}
		for _, body := range bodies {
			if !strings.HasPrefix(body, "retry: ") || strings.Count(body, "event: overview\n") != 3 {
				t.Fatalf("got %d overviews in 4 s, want 3: %.300s", strings.Count(body, "event: overview\n"), body)
			}
			blocks := strings.Split(strings.TrimSpace(body), "\n\n")
			_, data, _ := strings.Cut(blocks[len(blocks)-1], "data: ")
			var last ops.OverviewBody
			if err := json.Unmarshal([]byte(data), &last); err != nil || last.Lag.MaxLagSeconds != 7 {
				t.Errorf("got %+v, %v last; want what changed", last.Lag, err)
			}
		}
		f.Set(func() {
			if f.Looks != 3 {
				t.Errorf("looked %d times for three viewers, want once for all each time", f.Looks)
			}
		})
		time.Sleep(time.Hour)
		f.Set(func() {
			if f.Looks != 3 {
				t.Errorf("looked %d times, want none while nobody looks", f.Looks-3)
			}
		})
	})
}

func TestOverviewStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := opsAPI(t, withJWT(t))
		believed := func(ttl time.Duration) string { return bearer(t, ttl, auth.ScopeOps) }
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
		if status, _ := watchOps(t, a, time.Hour, "Authorization", bearer(t, time.Hour, auth.ScopeAdmin)); status != 403 {
			t.Errorf("got %d with another scope, want 403", status)
		}
	})
}
