package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/lovoo/goka/storage"

	"github.com/belfry/belfry/internal/await"
)

// TestRestoreIsAMap has rows of a partition that is restored written, deleted, read,
// flushed and read again afterwards.
func TestRestoreIsAMap(t *testing.T) {
	t.Parallel()
	s := memoryStore(t)
	p := openPartition(t, s, 0)
	random := rand.New(rand.NewPCG(1, 2))
	key := func(n int) string { return fmt.Sprintf("user-%d/item-%06d", n%7, n) } // many begin alike
	want := map[string]string{}
	check := func(key string) {
		t.Helper()
		got, err := p.Get(key)
		if row, ok := want[key]; err != nil || (got != nil) != ok || string(got) != row {
			t.Fatalf("%s is %q, %v, want %q (%t)", key, got, err, row, ok)
		}
	}
	const rows = 120_000 // more than the first two filters take
	for i := range rows {
		key := key(random.IntN(rows))
		check(key)
		var err error
		switch i % 11 {
		case 3:
			err = p.Delete(key)
			delete(want, key)
		default:
			want[key] = fmt.Sprint(i)
			err = p.Set(key, []byte(want[key]))
		}
		if err == nil && i%9_999 == 0 {
			err = s.flush(0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if w := s.partitions[0].written; w == nil || len(w.filters) != 2 {
		t.Fatal("the keys are not remembered as they were meant to be")
	}
	if err := p.MarkRecovered(); err != nil {
		t.Fatal(err)
	}
	if s.partitions[0].written != nil || s.rows.restoring.Load() != 0 || s.rows.writtenRoom.Load() != maxWritten {
		t.Error("something is left of a restore that has ended")
	}
	for i := range rows {
		check(key(i))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRestoreEndsAmidAFlush has a partition that is being restored go to another owner while
// its rows are being written: these are read, and those that came since.
func TestRestoreEndsAmidAFlush(t *testing.T) {
	t.Parallel()
	s := memoryStore(t)
	opened := openPartition(t, s, 0)
	set := func(key, value string) {
		t.Helper()
		if err := opened.Set(key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	set("flushing", "a")
	set("both", "b")
	if err := opened.Delete("deleted"); err != nil {
		t.Fatal(err)
	}
	s.flushing.Lock()
	if _, ok := s.partitions[0].takeBulk(); !ok {
		t.Fatal("nothing is to be written")
	}
	set("both", "c")
	set("since", "d")
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	opened = openPartition(t, s, 0)
	for key, want := range map[string]string{"flushing": "a", "both": "c", "since": "d", "deleted": ""} {
		if got, err := opened.Get(key); string(got) != want || (got == nil) != (want == "") || err != nil {
			t.Errorf("%s is %q, %v, want %q", key, got, err, want)
		}
	}
	s.flushing.Unlock()
	if got := s.bytes.Load(); got <= 0 {
		t.Errorf("%d bytes are to be flushed", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.bytes.Load(); got != 0 {
		t.Errorf("%d bytes are left", got)
	}
}

// TestRecoveredRowsAreOnTheDisk holds that a store holds no more in memory than any other
// once it is restored.
func TestRecoveredRowsAreOnTheDisk(t *testing.T) {
	t.Parallel()
	s := memoryStore(t)
	opened := openPartition(t, s, 0)
	fill(t, opened, 0, 2*storeKeys)
	if err := opened.MarkRecovered(); err != nil {
		t.Fatal(err)
	}
	if p := s.partitions[0]; s.bytes.Load() != 0 || len(p.fresh)+len(p.flushed) != 0 || s.chunks.free != nil {
		t.Errorf("%d bytes, %d fresh and %d flushed rows, %d chunks are held", s.bytes.Load(), len(p.fresh), len(p.flushed), len(s.chunks.free))
	}
	if _, wrong, err := verifyRows(opened, 2*storeKeys); wrong != "" || err != nil {
		t.Errorf("%s, %v", wrong, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOffsetsWaitForTheirRows holds that no offset is written while rows that came with it
// are in no file yet: a process that is killed then would miss them.
func TestOffsetsWaitForTheirRows(t *testing.T) {
	t.Parallel()
	s := memoryStore(t)
	fill(t, openPartition(t, s, 0), 0, 1)
	b := s.rows.db.NewBatch()
	if err := s.partitions[0].flush(b); err != nil || !b.Empty() {
		t.Errorf("the offset is written without its row, %v", err)
	}
	if err := errors.Join(b.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// writeOneMore leaves a file that overlaps with those of the calls before.
func writeOneMore(t *testing.T, s *Store, p storage.Storage) {
	t.Helper()
	if err := p.Set("user-7", []byte("row")); err != nil {
		t.Fatal(err)
	}
	if err := s.flush(0); err != nil {
		t.Fatal(err)
	}
}

// TestRestoreIsCompactedAfterwards has many flushes leave files that overlap while
// partitions are restored, and Pebble compact them once the last of them is not any more,
// however that ends.
func TestRestoreIsCompactedAfterwards(t *testing.T) {
	t.Parallel()
	s := memoryStore(t)
	first, second := openPartition(t, s, 0), openPartition(t, s, 1)
	for range 3 * fewLevels {
		writeOneMore(t, s, first)
	}
	if err := first.MarkRecovered(); err != nil {
		t.Fatal(err)
	}
	if m := s.rows.db.Metrics().Compact; m.Count+m.NumInProgress > 0 {
		t.Errorf("%d compactions, and %d under way, while a partition is restored", m.Count, m.NumInProgress)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	await.Eventually(t, await.Patience, func() string { return fmt.Sprintf("%d files overlap, want few", s.rows.levels()) },
		func() bool { return s.rows.levels() < fewLevels })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRestoreIsCompactedWhenItIsMuch has a restore not pile up files without end.
func TestRestoreIsCompactedWhenItIsMuch(t *testing.T) {
	t.Parallel()
	s := memoryStore(t)
	p := openPartition(t, s, 0)
	most := 0
	for range 3 * restoreLevels {
		writeOneMore(t, s, p)
		most = max(most, s.rows.levels())
	}
	if most < restoreLevels || most > restoreLevels+2*fewLevels {
		t.Errorf("%d files overlapped at the most, want some %d", most, restoreLevels)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRowsWithoutAnOffsetAreFound has a process end before it had an offset for its
// rows: the partition is not taken for an empty one.
func TestRowsWithoutAnOffsetAreFound(t *testing.T) {
	t.Parallel()
	files, dir := vfs.NewMem(), t.TempDir()
	for range 2 {
		s, err := newStore(t, files, dir)
		if err != nil {
			t.Fatal(err)
		}
		p := openPartition(t, s, 0)
		if s.rows.restoring.Load() == 0 {
			if got, err := p.Get("user-7"); string(got) != "row" || err != nil {
				t.Errorf("the row is %q, %v", got, err)
			}
		} else if err := p.Set("user-7", []byte("row")); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
