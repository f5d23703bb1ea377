package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/belfry/belfry/internal/cli"
)

// The parts of a state folder. Each has a lock file of its own, so that one
// processor and one server on a machine may share a folder.
const (
	processorState = "processors"
	serverState    = "views"
)

// stateLockFile lies in the state folder while a process uses the part and
// after.
func stateLockFile(part string) string { return part + ".lock" }

// lockState makes the state folder if needed and takes that part of it for this
// process until unlock is called or the process ends, however it ends. Each
// partition's store has a lock too, but it would only stop the second process
// when a partition came to it, and then again and again.
func lockState(dir, part string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, cli.FlagErrorf("state-dir", "%w: name a folder that this user may write", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, stateLockFile(part)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, cli.FlagErrorf("state-dir", "%w: name a folder that this user may write", err)
	}
	switch ours, err := tryLock(f); {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock state folder %s: %w", dir, err), f.Close())
	case !ours:
		return nil, errors.Join(cli.FlagFailuref("state-dir", "the %s of %s are in use by another belfry process: stop that one, or give this one a folder of its own", part, dir), f.Close())
	}
	// Removing the file would let a third process lock a new one of that name
	// while a second one holds the old.
	return f.Close, nil
}
