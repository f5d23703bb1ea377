package await

import (
	"context"
	"testing"
	"time"
)

// Patience is how long tests wait for what comes for certain unless something
// hangs: brokers and browsers of eight tests that start at once on two cores take
// minutes. A test that measures how long something takes has its own bound.
const Patience = 3 * time.Minute

// pollInterval is how often a condition is looked at again.
const pollInterval = 20 * time.Millisecond

// Eventually waits until ok says true and fails the test with what() if that
// takes longer than d. Both are called on the test's goroutine, ok at least
// once.
func Eventually(t testing.TB, d time.Duration, what func() string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(d)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", d, what())
		}
		<-tick.C
	}
}

// Running runs something until the test ends, and fails the test if it returns an error.
func Running(t testing.TB, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
