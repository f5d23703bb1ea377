package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/lovoo/goka/storage"
)

func TestStoreIterator(t *testing.T) {
	t.Parallel()
	s, err := newStore(t, vfs.Default, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p, other := openPartition(t, s, 1), openPartition(t, s, 2)
	want := map[string]string{}
	for i := range 100 {
		key := fmt.Sprintf("%03d", i)
		if err := errors.Join(p.Set(key, []byte(key)), other.Set(key+"x", nil), p.SetOffset(int64(i))); err != nil {
			t.Fatal(err)
		}
		want[key] = key
		if i == 50 {
			if err := errors.Join(s.flush(0), p.Delete("007"), p.Set("008", []byte("new"))); err != nil {
				t.Fatal(err)
			}
			delete(want, "007")
			want["008"] = "new"
		}
	}
	read := func(iter storage.Iterator, err error) map[string]string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer iter.Release()
		got := map[string]string{}
		for iter.Next() {
			value, err := iter.Value()
			if err != nil {
				t.Fatal(err)
			}
			got[string(iter.Key())] = string(value)
		}
		if err := iter.Err(); err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := read(p.Iterator()); !maps.Equal(got, want) {
		t.Errorf("all rows are %v, want %v", got, want)
	}
	got := slices.Sorted(maps.Keys(read(p.IteratorWithRange([]byte("006"), []byte("009")))))
	if want := []string{"006", "008"}; !slices.Equal(got, want) {
		t.Errorf("range is %v, want %v", got, want)
	}
	iter, err := p.Iterator()
	if err != nil {
		t.Fatal(err)
	}
	defer iter.Release()
	if !iter.Seek([]byte("098a")) || !iter.Next() || string(iter.Key()) != "099" || iter.Next() {
		t.Errorf("after a seek: %q", iter.Key())
	}
}
