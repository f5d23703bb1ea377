package parts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// heavy is how many heavy programs tests run, or start, at once on a machine.
const heavy = 2

// turnPoll is how often Turn looks again whether it is its turn.
const turnPoll = 20 * time.Millisecond

// Heavy waits for one of the two turns that this machine's tests have for what
// takes a processor for seconds: a compiler, a Java program, the start of a
// broker or a browser. end gives the turn back. A test must not wait for another
// turn while it has one. Heavy is safe for concurrent use.
func Heavy(ctx context.Context) (end func(), err error) { return Turn(ctx, "heavy", heavy) }

// Turn waits until fewer than many tests of this user have the turn of that
// name, in whatever package they are, and takes it. end gives it back, as does
// the end of the process.
func Turn(ctx context.Context, name string, many int) (end func(), err error) {
	dir, err := LockFolder()
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(turnPoll)
	defer tick.Stop()
	for {
		for i := range many {
			lock, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%s-%d", name, i)), os.O_CREATE|os.O_RDWR, 0o600)
			if err != nil {
				return nil, fmt.Errorf("wait for the turn %s: %w", name, err)
			}
			if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
				return func() { lock.Close() }, nil // frees the lock
			}
			lock.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the turn %s: %w", name, ctx.Err())
		}
	}
}

// LockFolder holds a file for each thing of the machine that tests of several
// packages must not take at once. A lock ends with its process, however that
// ends. It is in the user's cache: tests may name another temporary folder.
func LockFolder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find folder of locks: %w", err)
	}
	dir := filepath.Join(cache, "belfry", "locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("create folder of locks: %w", err)
	}
	return dir, nil
}
