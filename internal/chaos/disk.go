package chaos

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// diskMiB is the size of the small file system that a processor's state folder
// is on if the schedule fills it.
const diskMiB = 64

// disk is a small file system that can be filled.
type disk struct{ dir string }

// ballast is the file that fills it.
func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// mountDisk mounts a file system of its own on dir.
func mountDisk(dir string) (*disk, error) {
	if err := mount(dir, diskMiB); err != nil {
		return nil, fmt.Errorf("mount a small file system on %s: %w", dir, err)
	}
	return &disk{dir}, nil
}

// CanMount reports why no small file system can be mounted on a folder below
// dir, or nil if it can.
func CanMount(dir string) error {
	at, err := os.MkdirTemp(dir, "mount-")
	if err != nil {
		return fmt.Errorf("make a folder to mount on: %w", err)
	}
	defer os.Remove(at)
	if err := mount(at, 1); err != nil {
		return fmt.Errorf("mount a small file system: %w", err)
	}
	return unmount(at)
}

// fill takes all the space that is left.
func (d *disk) fill() error {
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	_, err = io.Copy(f, zeros{})
	err = errors.Join(err, f.Close())
	if errors.Is(err, syscall.ENOSPC) {
		return nil
	}
	return fmt.Errorf("fill the disk: %w", err)
}

// free gives the space back.
func (d *disk) free() error {
	if err := os.Remove(d.ballast()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("free the disk: %w", err)
	}
	return nil
}

func (d *disk) close() error {
	if err := unmount(d.dir); err != nil {
		return fmt.Errorf("unmount %s: %w", d.dir, err)
	}
	return nil
}

// zeros is an endless reader of zero bytes.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
