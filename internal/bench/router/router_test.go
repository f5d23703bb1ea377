package router_test

import (
	"testing"
	"time"

	"github.com/belfry/belfry/internal/bench/router"
)

func TestRouterWaysAgree(t *testing.T) {
	r, err := router.NewRouter(1000)
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.Verify()
	if err != nil {
		t.Fatal(err)
	}
	// A tenth is for nobody, stock is low half of the time, meetings move half
	// of the time, two thirds of the comments mention somebody.
	if n < 800 || n > 1000 {
		t.Errorf("%d deliveries of 1000 events", n)
	}
	for _, way := range []router.RouterWay{router.RoutedByRules, router.RoutedByHand, router.RoutedDecoded} {
		cost, err := r.Measure(t.Context(), way, time.Millisecond, sinceStart())
		if err != nil || cost.Time <= 0 || cost.Allocs <= 0 {
			t.Errorf("%s: got %+v, %v", way, cost, err)
		}
	}
}

// The allocations of an event are the same on every machine, so that a slip on the way of
// all events is seen without a quiet one: they are a quarter above what is measured.
func TestRouterAllocations(t *testing.T) {
	r, err := router.NewRouter(1000)
	if err != nil {
		t.Fatal(err)
	}
	for way, most := range map[router.RouterWay]float64{router.RoutedByRules: 120, router.RoutedDecoded: 50} {
		cost, err := r.Measure(t.Context(), way, time.Millisecond, sinceStart())
		if err != nil || cost.Allocs > most {
			t.Errorf("%s: %.0f allocations an event (%v), want at most %.0f", way, cost.Allocs, err, most)
		}
	}
}

func BenchmarkRouter(b *testing.B) {
	r, err := router.NewRouter(1000)
	if err != nil {
		b.Fatal(err)
	}
	for _, way := range []router.RouterWay{router.RoutedByRules, router.RoutedByHand, router.RoutedDecoded} {
		b.Run(string(way), func(b *testing.B) {
			cost, err := r.Measure(b.Context(), way, time.Second, sinceStart())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(cost.PerSecond(), "events/s")
			b.ReportMetric(cost.Allocs, "allocs/event")
		})
	}
}

func sinceStart() func() time.Duration {
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}
