package store

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/lovoo/goka/storage"

	"github.com/belfry/belfry/internal/await"
)

const storeKeys = 500

// operation i writes or deletes the row of key i%storeKeys; every one can be
// told from what it leaves behind.
func operation(i int) (key string, value []byte) {
	key = fmt.Sprint("key-", i%storeKeys)
	if i%7 == 3 {
		return key, nil
	}
	return key, bytes.Repeat(fmt.Append(nil, i, ";"), 5+i%90)
}

func apply(s storage.Storage, i int) error {
	key, value := operation(i)
	if value == nil {
		return s.Delete(key)
	}
	return s.Set(key, value)
}

// fill applies the operations from first on and before end, with their offsets.
func fill(t *testing.T, s storage.Storage, first, end int) {
	t.Helper()
	for i := first; i < end; i++ {
		if err := apply(s, i); err != nil {
			t.Fatal(err)
		}
		if err := s.SetOffset(int64(i)); err != nil {
			t.Fatal(err)
		}
	}
}

// verify tells what is wrong with a store that operations before end may have
// been applied to: a row that is older than the offset claims, or was never
// written. Errors of the store are given apart.
func verifyRows(s storage.Storage, end int) (offset int, wrong string, err error) {
	stored, err := s.GetOffset(-1)
	if err != nil {
		return 0, "", err
	}
	offset = int(stored)
	if offset >= end {
		return offset, fmt.Sprintf("offset %d of %d", offset, end), nil
	}
	for k := range storeKeys {
		key, _ := operation(k)
		value, err := s.Get(key)
		if err != nil {
			return offset, "", err
		}
		// The last operation on the key that the offset claims, or a later one.
		last := offset - (offset-k)%storeKeys
		if offset < k {
			last = k
		}
		found := offset < k && value == nil
		for i := last; i < end && !found; i += storeKeys {
			_, want := operation(i)
			found = bytes.Equal(value, want) && (value == nil) == (want == nil)
		}
		if !found {
			return offset, fmt.Sprintf("%s is %.20q at offset %d, want that of operation %d or later", key, value, offset, last), nil
		}
	}
	return offset, "", nil
}

func newStore(t *testing.T, files vfs.FS, dir string) (*Store, error) {
	t.Helper()
	if memory, ok := files.(*vfs.MemFS); ok {
		// Files that are not Pebble's are on disk, even where Pebble's are in memory.
		folder := filepath.Join(dir, "t", fmt.Sprintf("%x", [16]byte{1}))
		if err := memory.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for ; folder != "/"; folder = filepath.Dir(folder) {
			parent, err := memory.OpenDir(filepath.Dir(folder))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(parent.Sync(), parent.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	return openStoreOn(files, dir, "t", [16]byte{1}, nil, slog.New(slog.DiscardHandler))
}

// memoryStore is a new store that is on no disk.
func memoryStore(t *testing.T) *Store {
	t.Helper()
	s, err := newStore(t, vfs.NewMem(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openPartition(t *testing.T, s *Store, number int32) storage.Storage {
	t.Helper()
	p, err := s.OpenPartition("t", number)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// within fails the test if f takes for ever.
func within(t *testing.T, what string, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(await.Patience):
		t.Fatalf("%s hangs", what)
		return nil
	}
}
