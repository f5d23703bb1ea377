package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The same on a disk that is really full, and takes a part of a write.
func TestStoreOnASmallDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skip("no file system can be mounted here:", err)
	}
	t.Cleanup(func() {
		// Busy for as long as a process that another test starts at this moment
		// has our files open, between its fork and its exec.
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	end, failures := 0, 0
	step := 1
	if testing.Short() {
		step = 4
	}
	for free := 0; free < 12; free += step {
		ballast := filepath.Join(dir, "ballast")
		fillUp(t, ballast, int64(free)*12<<10)
		err := within(t, "writing to a full disk", func() error {
			s, err := newStore(t, vfs.Default, dir)
			if err != nil {
				return err
			}
			p, err := s.OpenPartition("t", 0)
			for last := end + 20_000; err == nil && end < last; end++ {
				err = errors.Join(apply(p, end), p.SetOffset(int64(end)))
				if err == nil && end%1000 == 0 {
					err = s.flush(0)
				}
			}
			return errors.Join(err, s.Close())
		})
		if err != nil {
			failures++
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%d KiB free: %v", free*12, err)
			}
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		s, err := newStore(t, vfs.Default, dir)
		if err != nil {
			t.Fatalf("%d KiB free: %v", free*12, err)
		}
		if offset, wrong, err := verifyRows(openPartition(t, s, 0), max(end, 1)); wrong != "" || err != nil {
			t.Errorf("%d KiB free: offset %d, %s, %v", free*12, offset, wrong, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "t", "*", "*.corrupt")); len(aside) > 0 {
		t.Errorf("set aside: %v", aside)
	}
	if failures == 0 {
		t.Error("the disk was never full")
	}
}

// fillUp writes a file that leaves that many bytes of its disk.
func fillUp(t *testing.T, name string, free int64) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(page)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(max(info.Size()-free, 0)); err != nil {
		t.Fatal(err)
	}
}
