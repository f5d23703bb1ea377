package chaos_test

import (
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/chaos"
	"github.com/belfry/belfry/internal/chaos/history"
)

func TestGapsAreTheLongestOfEachGroup(t *testing.T) {
	zero := time.Unix(1_800_000_000, 0)
	at := func(s int) time.Time { return zero.Add(time.Duration(s) * time.Second) }
	var seen []history.Committed
	add := func(group string, partition int32, offsets ...int64) {
		for s, o := range offsets {
			seen = append(seen, history.Committed{At: at(s), Group: group, Topic: "t", Partition: partition, Offset: o})
		}
	}
	add("b", 0, 1, 2, 3, 3, 3, 4, 5) // from 2 to 5
	add("b", 1, 1, 1, 2, 3, 4, 4, 4) // what goes on at the end is none yet
	add("a", 0, 9, 9, 9, 9, 9, 9, 10)
	want := []chaos.Gap{
		{Group: "a", Partition: 0, From: at(0), To: at(6)},
		{Group: "b", Partition: 0, From: at(2), To: at(5)},
	}
	if got := chaos.Gaps(seen, at(0), at(6)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// Commits before and after the time that is asked for do not count.
	want = []chaos.Gap{{Group: "b", Partition: 1, From: at(1), To: at(2)}}
	if got := chaos.Gaps(seen, at(1), at(3)); len(got) != 1 || got[0].Group != want[0].Group || got[0].To.Sub(got[0].From) != time.Second {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := want[0].String(); got != "b, partition 1: 1.0 s from "+at(1).Format("15:04:05.0") {
		t.Errorf("%q", got)
	}
}
