package lag_test

import (
	"math"
	"testing"
	"time"

	"github.com/belfry/belfry/lag"
)

func TestCatchUp(t *testing.T) {
	type seen struct{ done, lag int64 } // every five seconds
	steady := func(n int, worked, drained, lag int64) (all []seen) {
		for i := range int64(n) {
			all = append(all, seen{i * worked, lag - i*drained})
		}
		return all
	}
	for _, tt := range []struct {
		name      string
		seen      []seen
		low, high float64
		unknown   bool
	}{
		{name: "nothing seen", unknown: true},
		{name: "no lag at first sight", seen: []seen{{100, 0}}},
		{name: "lag at first sight", seen: []seen{{100, 5}}, unknown: true},
		{"stands still", []seen{{100, 5}, {100, 5}}, math.Inf(1), math.Inf(1), false},
		{"stopped, lag grows", []seen{{100, 5}, {100, 50}, {100, 500}}, math.Inf(1), math.Inf(1), false},
		// 200 records a second are worked off and none arrives.
		{"works off a backlog", steady(4, 1000, 1000, 23_000), 99.9, 100.1, false},
		// 200 a second are worked off while 100 arrive.
		{"works off a backlog under load", steady(4, 1000, 500, 11_500), 99.9, 100.1, false},
		{"falls behind", steady(4, 1000, -500, 20_000), math.Inf(1), math.Inf(1), false},
		{"holds a backlog", steady(4, 1000, 0, 20_000), math.Inf(1), math.Inf(1), false},
		{"keeps up", steady(4, 1000, 0, 20), 0.099, 0.101, false},
		{"keeps up, just", steady(4, 1000, 0, 2000), 10, 10, false},
		{"keeps up, a little more at a time", steady(4, 1000, -10, 20), 0.2, 0.3, false},
		{"caught up", []seen{{0, 1000}, {1000, 0}}, 0, 0, false},
		{"another log", []seen{{5000, 10}, {0, 7}}, 0, 0, true},
		// Records that arrived at once half a minute ago count little.
		{"a burst is worked off", append([]seen{{0, 0}, {0, 100_000}}, steady(7, 5000, 5000, 95_000)...), 64, 66, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var c lag.CatchUp
			for i, s := range tt.seen {
				c.Observe(time.Unix(int64(5*i), 0), s.done, s.lag)
			}
			got, known := c.Seconds()
			if known == tt.unknown {
				t.Fatalf("known is %v", known)
			}
			if known && (got < tt.low || got > tt.high) {
				t.Errorf("got %v s, want %v to %v", got, tt.low, tt.high)
			}
		})
	}
}

// A group that has stopped gets no nearer, soon after it did.
func TestCatchUpOfAStoppedGroup(t *testing.T) {
	var c lag.CatchUp
	for i := range int64(10) {
		c.Observe(time.Unix(5*i, 0), 1000*i, 20)
	}
	for i := range int64(60) {
		c.Observe(time.Unix(50+5*i, 0), 9000, 20+1000*i)
		if got, _ := c.Seconds(); math.IsInf(got, 1) {
			if i > 3 {
				t.Errorf("known only after %d s", 5*i)
			}
			return
		}
	}
	t.Error("a stopped group is never found to be one")
}
