//go:build !(darwin || freebsd || linux)

package node

import "errors"

// roomOf can't ask here.
func roomOf(string) (free, size uint64, err error) {
	return 0, 0, errors.ErrUnsupported
}
