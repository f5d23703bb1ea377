package lag_test

import (
	"testing"
	"time"

	"github.com/belfry/belfry/lag"
)

func TestLagClock(t *testing.T) {
	type step struct {
		at   int // seconds
		end  int64
		next int64
		want int // seconds
	}
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"no records", []step{{0, 0, 0, 0}, {90, 0, 0, 0}}},
		{"caught up, then idle for long", []step{{0, 5, 5, 0}, {9000, 5, 5, 0}}},
		{"follows at once", []step{{0, 5, 5, 0}, {10, 8, 8, 0}, {20, 9, 9, 0}}},
		{"stands still, grows", []step{{0, 5, 5, 0}, {10, 8, 5, 0}, {20, 9, 5, 10}, {9000, 9, 5, 8990}}},
		{"idle, then a record", []step{{0, 5, 5, 0}, {9000, 5, 5, 0}, {9010, 6, 5, 0}, {9020, 6, 5, 10}}},
		{"comes nearer", []step{{0, 5, 5, 0}, {10, 8, 5, 0}, {20, 9, 7, 10}, {30, 12, 8, 10}, {40, 12, 12, 0}}},
		{"behind at the first observation", []step{{0, 100, 3, 0}, {10, 100, 3, 10}, {20, 100, 50, 20}, {30, 101, 100, 0}}},
		{"goes back", []step{{0, 5, 5, 0}, {10, 8, 8, 0}, {20, 8, 5, 10}, {30, 8, 2, 30}}},
		{"log made anew", []step{{0, 5, 0, 0}, {10, 5, 0, 10}, {20, 2, 0, 0}, {30, 2, 0, 10}}},
		{"log made anew, empty", []step{{0, 5, 0, 0}, {10, 0, 0, 0}, {20, 3, 0, 0}, {30, 3, 0, 10}}},
		{"ahead", []step{{0, 5, 7, 0}, {10, 5, 7, 0}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var (
				c lag.Clock
				w lag.Wait
			)
			for i, s := range tt.steps {
				at := time.Unix(1_790_000_000+int64(s.at), 0) // a wait since 0 is not known
				c.Observe(at, s.end)
				want := time.Duration(s.want) * time.Second
				if got := c.Age(&w, s.next, at); got != want {
					t.Errorf("step %d: age %v, want %v", i, got, want)
				}
			}
		})
	}
}

func TestLagClockKeepsGroupsApart(t *testing.T) {
	var (
		c             lag.Clock
		behind, along lag.Wait
	)
	for s := range int64(10) {
		c.Observe(time.Unix(s, 0), s)
		slow, fast := c.Age(&behind, 0, time.Unix(s, 0)), c.Age(&along, s, time.Unix(s, 0))
		if want := time.Duration(max(s-1, 0)) * time.Second; slow != want || fast != 0 {
			t.Errorf("after %d s: slow %v, fast %v, want %v, 0", s, slow, fast, want)
		}
	}
}

// A week of a record every 5 s, looked at each time, by a clock of bounded
// memory: a group anywhere behind gets an age near the truth, never above it.
func TestLagClockOverAWeek(t *testing.T) {
	const step, week = 5, 7 * 24 * 3600
	var c lag.Clock
	at := func(offset int64) time.Time { return time.Unix(offset*step, 0) }
	const last, standing = week / step, 7
	var w lag.Wait // of a group that stands still: its age is never forgotten
	for offset := range int64(last + 1) {
		c.Observe(at(offset), offset+1)
		if got, want := c.Age(&w, standing, at(offset)), max(at(offset).Sub(at(standing)), 0); got != want {
			t.Fatalf("at %d: age %v of a group that stands still, want %v", offset, got, want)
		}
	}
	worst := 1.0
	for next := range int64(last) {
		truth := at(last).Sub(at(next))
		got := c.Age(new(lag.Wait), next, at(last))
		if got > truth {
			t.Fatalf("record %d: age %v above the true %v", next, got, truth)
		}
		worst = min(worst, float64(got+step*time.Second)/float64(truth))
	}
	if worst < 0.6 {
		t.Errorf("a record's age is given as %.2f of the truth, want at least 0.6", worst)
	}
}
