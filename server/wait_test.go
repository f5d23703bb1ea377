package server

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/server/limit"
	"github.com/belfry/belfry/server/wire"
)

// TestWaitsOfOneUserAreHisOwn has one user wait a thousand times for what never comes:
// as many as one may wait do, the others are answered at once, and nobody else is
// asked to slow down or waits less.
func TestWaitsOfOneUserAreHisOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t)
		const asked = 1200
		start := time.Now()
		var wg sync.WaitGroup
		var mu sync.Mutex
		waited := map[time.Duration]int{}
		for range asked {
			wg.Go(func() {
				a.get("/v1/users/u/unread?min_version=9007199254740991").WantProblem(503, "")
				mu.Lock()
				defer mu.Unlock()
				waited[time.Since(start).Round(100*time.Millisecond)]++ // many begin a few at a time
			})
		}
		synctest.Wait()
		a.get("/v1/users/v/unread").WantHeader("X-Poll-Interval", "30")
		late := time.AfterFunc(wire.MaxWait/2, func() { a.notify("v", "x") })
		defer late.Stop()
		a.get("/v1/users/v/unread?min_version=1").Want(200)
		wg.Wait()
		if waited[wire.MaxWait] != limit.WaitsPerUser || waited[0] != asked-limit.WaitsPerUser {
			t.Errorf("got waits of %v, want %d of %s and the rest at once", waited, limit.WaitsPerUser, wire.MaxWait)
		}
		// They have left.
		again := time.AfterFunc(wire.MaxWait/2, func() { a.notify("u", "x") })
		defer again.Stop()
		a.get("/v1/users/u/unread?min_version=1").Want(200)
		if got := a.load.Requests.Load(); got != 0 {
			t.Errorf("got %d requests being answered, want none", got)
		}
	})
}
