//go:build unix

package limit

import (
	"math"
	"syscall"
)

// Descriptors returns how many descriptors this process may have (getrlimit(2),
// RLIMIT_NOFILE); Go has raised that to the hard limit at the start. Where nothing
// bounds them, or the system does not tell, it returns [math.MaxInt32].
func Descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt32
	}
	return int(min(uint64(limit.Cur), math.MaxInt32))
}
