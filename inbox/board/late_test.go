package board_test

import (
	"flag"
	"testing"
)

var histories = flag.Int("histories", 60, "how many histories are played; the long form is 3000")

// TestLateIsEager holds rows that take the board in late, by crashing owners and readers
// of any age, against rows to which everything is copied at once.
func TestLateIsEager(t *testing.T) {
	t.Parallel()
	playAll(t, lateSide{})
}

// TestTwinIsEager holds the same of the twin, so that each of its mutations is
// told by what it changes.
func TestTwinIsEager(t *testing.T) {
	playAll(t, twinSide{})
}

func playAll(t *testing.T, s side) {
	n := uint64(*histories)
	if testing.Short() {
		n /= 5
	}
	var checks, crashes, deltas, resyncs int
	for seed := range n {
		w, diff := play(seed, s, 0)
		if diff != "" {
			t.Fatalf("history %d: %s", seed, diff)
		}
		checks, crashes, deltas, resyncs = checks+w.checks, crashes+w.crashes, deltas+w.deltas, resyncs+w.resyncs
	}
	t.Logf("%d histories, %d comparisons, %d crashes, %d deltas, %d resyncs; none differs", n, checks, crashes, deltas, resyncs)
}

// TestWorldsTellMutations holds that the worlds tell every rule that is wrong.
func TestWorldsTellMutations(t *testing.T) {
	t.Parallel()
	for mut, what := range mutations {
		if mut == 0 {
			continue
		}
		t.Run(what, func(t *testing.T) {
			sides := []side{twinSide{mutation(mut)}}
			if ofOwner[mutation(mut)] {
				sides = append(sides, lateSide{})
			}
			for _, s := range sides {
				tell(t, s, mutation(mut))
			}
		})
	}
}

// ofOwner are the mutations of who folds: rows of the package differ by them too.
var ofOwner = map[mutation]bool{1: true, 31: true, 32: true}

// firstHistory is where the search begins for those that few histories tell: the history
// that has told them. Where it no longer does, those after it are searched.
var firstHistory = map[mutation]uint64{25: 16, 31: 27, 32: 15}

func tell(t *testing.T, s side, mut mutation) {
	t.Helper()
	first := firstHistory[mut]
	for seed := first; seed < first+4000; seed++ {
		if _, diff := play(seed, s, mut); diff != "" {
			t.Logf("%T, history %d: %.300s", s, seed, diff)
			return
		}
	}
	t.Errorf("not told of %T", s)
}
