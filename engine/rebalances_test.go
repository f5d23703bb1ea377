package engine

import (
	"testing"
	"time"
)

func TestRebalancesAreRemembered(t *testing.T) {
	var r rebalances
	start := time.Unix(1_790_000_000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	r.begin(at(0), 12)
	r.end(at(10))
	r.end(at(15)) // a second word of the same end
	r.begin(at(13), 6)
	want := []Rebalance{{at(0), 0, 12, 0}, {at(13), 12, 6, 3 * time.Second}}
	got := r.list()
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Fatalf("got %v, want %v", got, want)
	}
	got[0].After = 99
	if r.list()[0].After != 12 {
		t.Error("what was returned is what is kept")
	}
	for i := range 2 * maxRebalances {
		r.end(at(20 + i))
		r.begin(at(20+i), i)
	}
	if got := r.list(); len(got) != maxRebalances || got[len(got)-1].After != 2*maxRebalances-1 || got[0].After != maxRebalances {
		t.Errorf("got %d, from %+v to %+v; want the latest %d", len(got), got[0], got[len(got)-1], maxRebalances)
	}
}
