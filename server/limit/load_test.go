package limit

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLoadFollowsTheWaits has the interval grow while work waits, up to the
// limit, hold between the bounds, and come back.
func TestLoadFollowsTheWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait, looks := time.Duration(0), 0
		l := NewLoad(func() time.Duration { looks++; return wait })
		after := func(windows int) time.Duration {
			for range windows {
				time.Sleep(loadWindow)
				l.Interval(time.Second)
				l.Interval(time.Second)
			}
			return l.Interval(time.Second)
		}
		for _, step := range []struct {
			wait    time.Duration
			windows int
			want    time.Duration
		}{
			{0, 3, time.Second},
			{waitBusy, 3, time.Second},
			{waitBusy + 1, 1, 1500 * time.Millisecond},
			{waitBusy + 1, 1, 2250 * time.Millisecond},
			{waitIdle, 5, 2250 * time.Millisecond},
			{time.Second, 20, maxSlowdown * time.Second},
			{0, 1, 9 * time.Second},
			{0, 60, time.Second},
		} {
			wait = step.wait
			if got := after(step.windows); got != step.want {
				t.Errorf("after %d windows of %s: got %s, want %s", step.windows, step.wait, got, step.want)
			}
		}
		if want := 3 + 3 + 1 + 1 + 5 + 20 + 1 + 60; looks != want {
			t.Errorf("looked %d times, want once a window: %d", looks, want)
		}
	})
}

// TestScheduleTellsOfWaits keeps every processor busy: goroutines then wait for
// one, as the runtime tells.
func TestScheduleTellsOfWaits(t *testing.T) {
	var s schedule
	if got := s.waited(); got != 0 {
		t.Errorf("got %s before anything was measured", got)
	}
	deadline := time.Now().Add(3 * time.Minute)
	for s.waited() < time.Millisecond {
		if time.Now().After(deadline) {
			t.Fatal("no waits are told of")
		}
		var busy sync.WaitGroup
		for range 8 * runtime.GOMAXPROCS(0) {
			busy.Go(func() {
				for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
				}
			})
		}
		busy.Wait()
	}
}
