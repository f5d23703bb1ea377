package timers

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
)

// million is a partition's rows with a million users, all of them due some time.
type million struct{ *table }

func (million) EachDue(_ context.Context, visit func(string, int64, Next) error) error {
	for i := range int64(1_000_000) {
		if err := visit(fmt.Sprintf("user-%07d", i), 1_900_000_000_000+i*7919%60_000, Next{}); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkMillionTimers tells what a session's start takes for a million users, and how
// much memory their timers hold.
func BenchmarkMillionTimers(b *testing.B) {
	x := newTable()
	q := New(Config{Journal: x, Logger: slog.New(slog.DiscardHandler)})
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		p := &partition{queue: q, rows: million{x}, telling: newTelling(q, 0, million{x})}
		if err := p.make(b.Context()); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(p.waiting)), "B/timer")
		runtime.KeepAlive(p)
	}
}
