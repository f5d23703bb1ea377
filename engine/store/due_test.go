package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/lovoo/goka/storage"
)

// dueOf takes a row for a time, and the empty one for one that is never due.
func dueOf(_ int32, _ string, row []byte) Due {
	var at int64
	_, _ = fmt.Sscan(string(row), &at)
	return Due{Row: at}
}

func dueStore(t *testing.T, dir string, indexed bool) *Store {
	t.Helper()
	s, err := newStore(t, vfs.Default, dir)
	if err != nil {
		t.Fatal(err)
	}
	if indexed {
		s.IndexDue(dueOf, nil)
	}
	return s
}

func checkDues(t *testing.T, what string, s *Store, number int32, want map[string]int64) {
	t.Helper()
	got := map[string]int64{}
	err := s.EachDue(t.Context(), number, func(key string, due Due) error {
		got[key] = due.Row
		return nil
	})
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%s: got %v, %v; want %v", what, got, err, want)
	}
}

func TestDueIndexIsThatOfTheRows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := dueStore(t, dir, true)
	zero, one := openPartition(t, s, 0), openPartition(t, s, 1)
	err := errors.Join(
		zero.Set("never", []byte("x")), zero.Set("a", []byte("5")), zero.Set("b", []byte("7")), zero.Set("c", []byte("8")), zero.SetOffset(3),
		one.Set("a", []byte("9")), one.SetOffset(0))
	if err != nil {
		t.Fatal(err)
	}
	checkDues(t, "written", s, 0, map[string]int64{"a": 5, "b": 7, "c": 8})
	if err := errors.Join(zero.Set("a", []byte("6")), zero.Set("b", []byte("x")), zero.Delete("c"), zero.SetOffset(6)); err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"a": 6}
	checkDues(t, "written over", s, 0, want)
	checkDues(t, "another partition", s, 1, map[string]int64{"a": 9})
	if row, err := s.Row(0, "a"); string(row) != "6" || err != nil {
		t.Errorf("got row %q, %v", row, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = dueStore(t, dir, true)
	s.due = func(int32, string, []byte) Due { panic("a row is looked at, though the index is there") }
	openPartition(t, s, 0)
	checkDues(t, "opened again", s, 0, want)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A release that knows no index writes rows beside it.
func TestDueIndexIsMadeAnewAfterAnotherRelease(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for round, indexed := range []bool{false, true, false, true} {
		s := dueStore(t, dir, indexed)
		p := openPartition(t, s, 0)
		if indexed {
			want := map[string]int64{"late": 3, fmt.Sprint("of-", round-1): int64(round)}
			if round > 1 {
				want["of-0"], want["of-1"] = 1, 2
			}
			checkDues(t, fmt.Sprint("round ", round), s, 0, want)
		}
		err := errors.Join(p.Set(fmt.Sprint("of-", round), fmt.Append(nil, round+1)), p.Set("late", []byte("3")), p.Set("plain", []byte("x")), p.SetOffset(int64(10*round)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A store that is emptied, as after a restore of its topic, has no dues.
func TestDueIndexGoesWithTheRows(t *testing.T) {
	t.Parallel()
	s := dueStore(t, t.TempDir(), true)
	defer s.Close()
	p := openPartition(t, s, 0)
	if err := errors.Join(p.Set("a", []byte("5")), p.SetOffset(7)); err != nil {
		t.Fatal(err)
	}
	checkDues(t, "written", s, 0, map[string]int64{"a": 5})
	s.end = func(int32) (int64, error) { return 3, nil }
	p = openPartition(t, s, 0)
	checkDues(t, "emptied", s, 0, map[string]int64{})
	if err := errors.Join(p.Set("b", []byte("6")), p.SetOffset(1)); err != nil {
		t.Fatal(err)
	}
	checkDues(t, "filled again", s, 0, map[string]int64{"b": 6})
}

// A store whose rows are never due holds no more than rows, an offset and a mark.
func TestDueIndexCostsNothingWithoutDues(t *testing.T) {
	t.Parallel()
	s := dueStore(t, t.TempDir(), true)
	defer s.Close()
	p := openPartition(t, s, 0)
	if err := errors.Join(p.Set("a", []byte("x")), p.Set("b", []byte("y")), p.SetOffset(7), s.flush(0)); err != nil {
		t.Fatal(err)
	}
	iter, err := s.rows.iterate(s.partitions[0].key(0, ""), s.partitions[0].key(255, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer iter.Release()
	kinds := map[byte]int{}
	for iter.Next() {
		kinds[iter.iter.Key()[4]]++
	}
	if want := map[byte]int{indexedKind: 1, offsetKind: 1, rowKind: 2}; !maps.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
	mark, err := s.rows.get(s.partitions[0].key(indexedKind, ""))
	if err != nil || binary.BigEndian.Uint64(mark) != 7 {
		t.Errorf("got mark %x, %v", mark, err)
	}
}

// Another policy makes the index anew once: when a partition is opened, and while it is
// open. Rows written between two policies are in no index that is believed.
func TestDueIndexIsByAPolicy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	policy, looked := uint64(1), 0
	open := func() (*Store, storage.Storage) {
		s := dueStore(t, dir, false)
		s.IndexDue(func(number int32, key string, row []byte) Due {
			looked++
			due := dueOf(number, key, row)
			due.Policy = due.Row * int64(policy)
			return due
		}, func() uint64 { return policy })
		return s, openPartition(t, s, 0)
	}
	check := func(what string, s *Store, want map[string]int64) {
		t.Helper()
		got := map[string]int64{}
		if err := s.EachDue(t.Context(), 0, func(key string, due Due) error { got[key] = due.Policy; return nil }); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: got %v, %v; want %v", what, got, err, want)
		}
	}
	s, p := open()
	if err := errors.Join(p.Set("a", []byte("5")), p.Set("never", []byte("x")), p.SetOffset(3), s.Close()); err != nil {
		t.Fatal(err)
	}
	policy = 2
	s, _ = open()
	check("opened by another policy", s, map[string]int64{"a": 10})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	looked = 0
	s, p = open()
	check("opened by the same", s, map[string]int64{"a": 10})
	if looked != 0 {
		t.Errorf("%d rows were looked at, though the index is there", looked)
	}
	policy = 3
	if err := errors.Join(p.Set("b", []byte("7")), p.SetOffset(4)); err != nil {
		t.Fatal(err)
	}
	check("while it is open", s, map[string]int64{"a": 15, "b": 21})
	policy = 5 // since the partition was opened, and nobody has written since
	check("by one that has come meanwhile", s, map[string]int64{"a": 25, "b": 35})
	policy = 4 // the process ends before the index is made anew
	if err := errors.Join(p.Set("b", []byte("8")), p.SetOffset(5), s.Close()); err != nil {
		t.Fatal(err)
	}
	policy = 3
	s, _ = open()
	defer s.Close()
	check("of two policies", s, map[string]int64{"a": 15, "b": 24})
}

// Keys are those of wanted rows, wherever they are, in pages that neither skip nor repeat.
func TestKeysOfWantedRows(t *testing.T) {
	t.Parallel()
	s := dueStore(t, t.TempDir(), true)
	defer s.Close()
	p := openPartition(t, s, 0)
	if err := errors.Join(p.Set("a", []byte("1")), p.Set("a\x00", []byte("1")), p.Set("b", []byte("x")), p.Set("c", []byte("2")), p.SetOffset(3), s.flush(0), p.Set("d", []byte("3")), p.Delete("c")); err != nil {
		t.Fatal(err)
	}
	want := func(row []byte) bool { return string(row) != "x" }
	var pages []string
	for after := ""; ; {
		keys, err := s.Keys(t.Context(), 0, after, 2, want)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, fmt.Sprintf("%q", keys))
		if len(keys) == 0 {
			break
		}
		after = keys[len(keys)-1]
	}
	if got := fmt.Sprint(pages); got != `[["a" "a\x00"] ["d"] []]` {
		t.Errorf("got %s", got)
	}
}
