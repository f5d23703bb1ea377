package store

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/lovoo/goka/storage"
)

func TestStoreKeepsRowsAndOffsets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := newStore(t, vfs.Default, dir)
	if err != nil {
		t.Fatal(err)
	}
	zero, one := openPartition(t, s, 0), openPartition(t, s, 1)
	// Keys that other stores use themselves, or that are parts of ours.
	keys := []string{"__offset", "", "o", "r", "\x00\x00\x00\x01r", "\x00\x00\x00\x01o", "\xff\xff", strings.Repeat("k", 300)}
	for i, key := range keys {
		if err := errors.Join(zero.Set(key, fmt.Append(nil, "zero-", i)), one.Set(key, fmt.Append(nil, "one-", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(zero.Set("empty", nil), zero.Delete("never there"), one.SetOffset(41)); err != nil {
		t.Fatal(err)
	}
	look := func(what string) {
		t.Helper()
		for i, key := range keys {
			for name, p := range map[string]storage.Storage{"zero": zero, "one": one} {
				if got, err := p.Get(key); string(got) != fmt.Sprint(name, "-", i) || err != nil {
					t.Errorf("%s: %q of %s is %q, %v", what, key, name, got, err)
				}
			}
		}
		if got, err := zero.Get("empty"); got == nil || len(got) > 0 || err != nil {
			t.Errorf("%s: empty row is %v, %v", what, got, err)
		}
		if got, err := zero.Get("never there"); got != nil || err != nil {
			t.Errorf("%s: missing row is %v, %v", what, got, err)
		}
		if got, err := zero.GetOffset(-3); got != -3 || err != nil {
			t.Errorf("%s: missing offset is %d, %v", what, got, err)
		}
		if got, err := one.GetOffset(-3); got != 41 || err != nil {
			t.Errorf("%s: offset is %d, %v", what, got, err)
		}
	}
	look("in memory")
	for range 2 {
		if err := s.flush(0); err != nil {
			t.Fatal(err)
		}
		look("flushed")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = newStore(t, vfs.Default, dir); err != nil {
		t.Fatal(err)
	}
	zero, one = openPartition(t, s, 0), openPartition(t, s, 1)
	look("opened again")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// The caller owns what Get gives, and keeps what Set takes.
func TestStoreSharesNoMemory(t *testing.T) {
	t.Parallel()
	s, err := newStore(t, vfs.Default, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := openPartition(t, s, 0)
	set := []byte("value")
	if err := p.Set("a", set); err != nil {
		t.Fatal(err)
	}
	copy(set, "-----")
	for what, flush := range map[string]bool{"in memory": false, "flushed": true} {
		if flush {
			if err := s.flush(0); err != nil {
				t.Fatal(err)
			}
		}
		got, err := p.Get("a")
		if string(got) != "value" || err != nil {
			t.Errorf("%s: %q, %v", what, got, err)
		}
		_ = append(got, "more"...)
		copy(got, "YYYYY")
		if got, err := p.Get("a"); string(got) != "value" || err != nil {
			t.Errorf("%s, after a change of the result: %q, %v", what, got, err)
		}
	}
}

// A late acknowledgement must not move the offset of who has the partition now.
func TestStoreEndsAnEarlierUse(t *testing.T) {
	t.Parallel()
	s, err := newStore(t, vfs.Default, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	first := openPartition(t, s, 0)
	fill(t, first, 0, 10)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.SetOffset(20); !errors.Is(err, pebble.ErrClosed) {
		t.Errorf("offset after close: %v", err)
	}
	second := openPartition(t, s, 0)
	third := openPartition(t, s, 0)
	_, read := second.Get("key-0")
	for what, err := range map[string]error{
		"set": second.Set("key-0", nil), "delete": second.Delete("key-0"), "offset": second.SetOffset(20), "close": second.Close(),
		"get": read,
	} {
		if what == "close" && err != nil || what != "close" && !errors.Is(err, pebble.ErrClosed) {
			t.Errorf("%s of an earlier use: %v", what, err)
		}
	}
	if offset, wrong, err := verifyRows(third, 10); offset != 9 || wrong != "" || err != nil {
		t.Errorf("offset %d, %s, %v", offset, wrong, err)
	}
}

// A topic that lost records, restored from a backup or after an unclean
// election, would otherwise be waited for, or later records be skipped.
func TestStoreAheadOfItsTopicIsEmptied(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ends := map[int32]int64{0: 100, 1: 100}
	open := func() *Store {
		s, err := Open(dir, "t", [16]byte{1}, func(p int32) (int64, error) { return ends[p], nil }, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	for _, number := range []int32{0, 1} {
		fill(t, openPartition(t, s, number), 0, 100)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ends[0] = 99
	for range 2 {
		s = open()
		zero, one := openPartition(t, s, 0), openPartition(t, s, 1)
		if got, err := zero.GetOffset(-3); got != -3 || err != nil {
			t.Errorf("offset of what was ahead: %d, %v", got, err)
		}
		if iter, err := zero.Iterator(); err != nil || iter.Next() {
			t.Errorf("rows of what was ahead: %v", err)
		} else {
			iter.Release()
		}
		if offset, wrong, err := verifyRows(one, 100); offset != 99 || wrong != "" || err != nil {
			t.Errorf("other partition: offset %d, %s, %v", offset, wrong, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStoreRemovesWhatEarlierReleasesLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := filepath.Join(dir, "t", fmt.Sprintf("%x", [16]byte{1}), "t.0")
	earlier := filepath.Join(dir, "t", fmt.Sprintf("%x", [16]byte{9}), "rows")
	for _, folder := range []string{old, earlier} {
		if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, "CURRENT"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := newStore(t, vfs.Default, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, folder := range []string{old, earlier} {
		if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", folder, err)
		}
	}
	if _, err := newStore(t, vfs.Default, dir); err == nil || !strings.Contains(err.Error(), "another process uses it") {
		t.Errorf("second open: %v", err)
	}
}
