package senders_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/senders"
)

// pendingRows have no row at its decision: all wait.
type pendingRows struct {
	mu       sync.Mutex
	watching int
}

func (r *pendingRows) Row(string) (inbox.State, error) { return inbox.State{}, belfry.ErrNotReady }

func (r *pendingRows) Watch(string, func()) func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watching++
	return func() {}
}

func (r *pendingRows) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.watching
}

// BenchmarkPending is the memory of decisions that wait for their rows: 100,000 at once,
// far above the 200 of a partition that a sender begins.
func BenchmarkPending(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		rows := &pendingRows{}
		s := senders.New(senders.Config{Rows: rows, Metrics: senders.NewMetrics(prometheus.NewRegistry()), Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(b.Context())
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var all sync.WaitGroup
		for i := range n {
			user := fmt.Sprint("user-", i)
			all.Go(func() {
				if end, err := s.Deliver(ctx, user, inbox.Outbound{Channel: channel, Decision: 1}, nil); end != senders.EndGivenUp || err != nil {
					b.Errorf("%s did not wait: %s, %v", user, end, err)
				}
			})
		}
		for rows.waiting() < n {
			time.Sleep(time.Millisecond) // until all wait
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapInuse+after.StackInuse-before.HeapInuse-before.StackInuse)/n, "B/pending")
		cancel()
		all.Wait()
	}
}
