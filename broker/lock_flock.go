//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package broker

import (
	"os"
	"syscall"
)

// tryLock takes the lock or fails at once. The kernel frees it with the
// process, however that ends.
func tryLock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
