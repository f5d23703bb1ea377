package table

import (
	"testing"
	"time"
)

// The next record of a partition was written after the last time at which its end was asked
// for and is known to be reached, however that came to be known.
func TestProgressKnowsHowOldWhatComesMayBe(t *testing.T) {
	t.Parallel()
	start := time.Now()
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	var p progress
	p.begin(map[int32]*reach{0: {next: 10, target: 20, end: 20}}, at(0))
	sure := func(what string, minutes int) {
		t.Helper()
		if p.old(0, at(minutes+1), time.Minute) || !p.old(0, at(minutes+1), time.Minute-1) {
			t.Errorf("%s: sure of %v, want of minute %d", what, p.parts[0].sure.Sub(start), minutes)
		}
	}
	if !p.old(0, at(0), 1000*time.Hour) {
		t.Error("want nothing known of what is behind the end")
	}
	p.reach(0, 15, 30, at(1))
	if !p.old(0, at(1), 1000*time.Hour) {
		t.Error("want nothing known before the first end is reached")
	}
	p.reach(0, 20, 30, at(2))
	sure("at the end that it had at first", 0)
	p.reach(0, 25, 40, at(3))
	p.reach(0, 30, 40, time.Time{})
	sure("at an end of minute 2", 2)
	p.bound(0, 30, at(9))
	sure("asked for where it ends", 9)
	p.bound(0, 50, at(30))
	sure("while it is behind", 9)
	p.begin(map[int32]*reach{0: {next: 30, target: 60, end: 60}}, at(31))
	sure("after it began again where it was", 9)
	p.begin(map[int32]*reach{0: {next: 29, target: 60, end: 60}}, at(32))
	if !p.old(0, at(32), 1000*time.Hour) {
		t.Error("want nothing known of a store that has lost something")
	}
	p.aim()
	if p.reach(0, 59, 61, at(33)); p.caughtUp() {
		t.Error("caught up before the end")
	}
}
