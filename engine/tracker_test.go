package engine

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"pgregory.net/rapid"
)

func begun(offsets ...int64) *tracker {
	t := newTracker(maxPending)
	for _, o := range offsets {
		t.begin(alone(&sarama.ConsumerMessage{Offset: o}))
	}
	return t
}

// alone is a record in a batch of its own.
func alone(m *sarama.ConsumerMessage) tracked {
	return tracked{m, &batch{records: []*sarama.ConsumerMessage{m}}}
}

// finish is the offset that may be committed, and false for none.
func finish(t *tracker, offset int64) (int64, bool) {
	last := t.finish(offset)
	if last == nil {
		return 0, false
	}
	return last.Offset + 1, true
}

// TestARecordWaitsSinceItBegan holds that a record which others have waits since it first did,
// however often they try.
func TestARecordWaitsSinceItBegan(t *testing.T) {
	tr := begun(7)
	first := time.Unix(1_790_000_000, 0)
	tr.waitLater(7, "a broker", first)
	tr.waitLater(7, "another one", first.Add(time.Minute))
	if offset, since, cause := tr.hand(); offset != 7 || !since.Equal(first) || cause != "another one" {
		t.Errorf("%d waits for %q since %s, want since %s", offset, cause, since, first)
	}
	tr.waitLater(7, "", first)
	tr.waitLater(7, "a broker", first.Add(time.Hour))
	if _, since, _ := tr.hand(); !since.Equal(first.Add(time.Hour)) {
		t.Errorf("it waits since %s, though it went on meanwhile", since)
	}
}

func TestTrackerFinishesThePrefixOnly(t *testing.T) {
	type step struct {
		finish, next int64
		ok           bool
	}
	tests := []struct {
		name    string
		pending []int64
		steps   []step
	}{
		{"in order", []int64{3, 4}, []step{{3, 4, true}, {4, 5, true}}},
		{"out of order", []int64{3, 4, 5}, []step{{5, 0, false}, {4, 0, false}, {3, 6, true}}},
		{"gap of compaction", []int64{3, 9, 20}, []step{{9, 0, false}, {3, 10, true}, {20, 21, true}}},
		{"unknown offsets", []int64{3, 5}, []step{{2, 0, false}, {4, 0, false}, {6, 0, false}, {3, 4, true}}},
		{"twice", []int64{3, 4}, []step{{3, 4, true}, {3, 0, false}, {4, 5, true}, {4, 0, false}}},
		{"nothing pending", nil, []step{{0, 0, false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := begun(tt.pending...)
			for _, s := range tt.steps {
				if next, ok := finish(tr, s.finish); next != s.next || ok != s.ok {
					t.Errorf("finish(%d) = %d, %t, want %d, %t", s.finish, next, ok, s.next, s.ok)
				}
			}
		})
	}
}

func TestTrackerKeepsRawRecords(t *testing.T) {
	tr := begun(3, 7)
	if got := tr.batch(7); got == nil || got.last().Offset != 7 {
		t.Errorf("batch(7) = %v", got)
	}
	if got := tr.batch(5); got != nil {
		t.Errorf("batch(5) = %v, want nil", got)
	}
	tr.finish(3)
	if got := tr.batch(3); got != nil {
		t.Errorf("a committed record is still held: %v", got)
	}
	if len(tr.pending) != 1 {
		t.Errorf("%d pending, want 1", len(tr.pending))
	}
}

// In any order of completion, what may be committed is always the offset after
// the longest completed prefix, and it never falls.
func TestTrackerNeverPassesAPendingRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		offsets := slices.Sorted(maps.Keys(rapid.MapOfN(rapid.Int64Range(0, 200), rapid.Just(true), 1, 30).Draw(t, "offsets")))
		tr := begun(offsets...)
		done := map[int64]bool{}
		committed := int64(-1)
		for _, o := range rapid.Permutation(offsets).Draw(t, "order") {
			if rapid.Bool().Draw(t, "noise") {
				if _, ok := finish(tr, 1000); ok {
					t.Fatal("an unknown offset advanced the commit")
				}
			}
			done[o] = true
			want := committed
			for _, p := range offsets {
				if !done[p] {
					break
				}
				want = p + 1
			}
			next, ok := finish(tr, o)
			if ok != (want > committed) || ok && next != want {
				t.Fatalf("finish(%d) = %d, %t after %v, want %d", o, next, ok, done, want)
			}
			committed = want
		}
		if last := offsets[len(offsets)-1]; committed != last+1 {
			t.Fatalf("committed %d in the end, want %d", committed, last+1)
		}
	})
}

// The records that follow one that does not complete are bounded, and there is room
// again as soon as it completes.
func TestTrackerHasRoomForSoMuch(t *testing.T) {
	tr := newTracker(maxPending)
	value := make([]byte, 1<<20)
	var full <-chan struct{}
	n := int64(0)
	for ; full == nil; n++ {
		if n > 20 {
			t.Fatal("there is room for 20 MiB")
		}
		full = tr.begin(alone(&sarama.ConsumerMessage{Offset: n, Value: value}))
	}
	if n < 15 {
		t.Errorf("no room after %d MiB", n)
	}
	for i := int64(1); i < n; i++ {
		tr.finish(i)
	}
	select {
	case <-full:
		t.Error("there is room while the first record does not complete")
	default:
	}
	tr.finish(0)
	select {
	case <-full:
	default:
		t.Error("who waits is not told of room")
	}
	if tr.room() != nil || tr.bytes != 0 {
		t.Errorf("no room, %d bytes are pending", tr.bytes)
	}
}

// TestTrackerGivesUpOutOfOrder has records that are left to others given up in any order:
// nothing from the first of them on is completed.
func TestTrackerGivesUpOutOfOrder(t *testing.T) {
	tr := begun(3, 4, 5, 6)
	tr.abandon(4)
	tr.abandon(6)
	for offset, want := range map[int64]bool{4: false, 5: false, 6: false} {
		if next, ok := finish(tr, offset); ok != want {
			t.Errorf("finish(%d) = %d", offset, next)
		}
	}
	if next, ok := finish(tr, 3); next != 4 || !ok {
		t.Errorf("finish(3) = %d, %t, want 4", next, ok)
	}
}
