package store

import (
	"errors"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/lovoo/goka/storage"
)

// fullDisk fails what takes space from the n-th call on.
type fullDisk struct {
	left atomic.Int64
	full atomic.Bool
}

func (f *fullDisk) String() string { return "full disk" }

func (f *fullDisk) MaybeError(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpFileWrite, errorfs.OpFileWriteAt, errorfs.OpCreate, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpMkdirAll:
		if f.full.Load() && f.left.Add(-1) < 0 {
			return syscall.ENOSPC
		}
	}
	return nil
}

// A disk that is full at whatever moment is an error for who writes; nothing
// ends or hangs, and what had been written is there when there is space again.
func TestStoreOnAFullDisk(t *testing.T) {
	t.Parallel()
	for name, kept := range map[string]int{"new": 0, "used": 1000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failures := 0
			for n := range int64(60) {
				if whenFull(t, n, kept) {
					failures++
				}
			}
			if failures == 0 {
				t.Error("the disk was never full")
			}
		})
	}
}

// whenFull uses a store, to which kept operations were applied before, on a
// disk that fills up after n writes, and again when there is space. It tells
// whether there was an error.
func whenFull(t *testing.T, n int64, kept int) (failed bool) {
	t.Helper()
	disk := &fullDisk{}
	files := errorfs.Wrap(vfs.Default, disk)
	dir := t.TempDir()
	if kept > 0 {
		s, err := newStore(t, files, dir)
		if err != nil {
			t.Fatal(err)
		}
		fill(t, openPartition(t, s, 0), 0, kept)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	disk.left.Store(n)
	disk.full.Store(true)
	end := kept
	err := within(t, "writing to a full disk", func() error {
		s, err := newStore(t, files, dir)
		if err != nil {
			return err
		}
		var p storage.Storage
		if p, err = s.OpenPartition("t", 0); err == nil {
			for err == nil && end < kept+11_000 {
				err = errors.Join(apply(p, end), p.SetOffset(int64(end)))
				if end++; err == nil && end%1000 == 0 {
					err = s.flush(0)
				}
			}
			if err != nil && p.Set("a", nil) == nil {
				t.Errorf("after %d writes: a failed store goes on", n)
			}
		}
		return errors.Join(err, s.Close())
	})
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("after %d writes: %v", n, err)
	}
	disk.full.Store(false)
	s, again := newStore(t, files, dir)
	if again != nil {
		t.Fatalf("after %d writes: open again: %v", n, again)
	}
	p := openPartition(t, s, 0)
	if offset, wrong, err := verifyRows(p, max(end, 1)); offset < kept-1 || wrong != "" || err != nil {
		t.Errorf("after %d writes: offset %d, %s, %v", n, offset, wrong, err)
	}
	fill(t, p, end, end+1000)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "t", "*", "*.corrupt")); kept > 0 && len(aside) > 0 {
		t.Errorf("after %d writes: set aside: %v", n, aside)
	}
	return err != nil
}
