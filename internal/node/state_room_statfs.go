//go:build darwin || freebsd || linux

package node

import "syscall"

// roomOf asks the file system of dir for its room, in bytes. free is what a
// process without privileges may use.
func roomOf(dir string) (free, size uint64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	block := uint64(s.Bsize)
	return uint64(max(s.Bavail, 0)) * block, s.Blocks * block, nil
}
