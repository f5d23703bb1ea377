package cli

import (
	"fmt"
	"io"
	"os"
)

// maxSmallFileBytes bounds files with settings, a secret or certificates; whoever names
// a larger one has named the wrong one.
const maxSmallFileBytes = 1 << 20

// ReadSmallFile returns the contents of a file of at most 1 MiB.
func ReadSmallFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSmallFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxSmallFileBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxSmallFileBytes)
	}
	return raw, nil
}
