package chaos

import (
	"fmt"
	"syscall"
)

// mount mounts a tmpfs, for which one must be root.
func mount(dir string, mib int) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, fmt.Sprintf("size=%dm,mode=700", mib))
}

// unmount takes it away as soon as nobody uses it any more.
func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
