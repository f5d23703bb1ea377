//go:build !unix

package limit

import "math"

// Descriptors returns [math.MaxInt32]: the system has no such limit.
func Descriptors() int { return math.MaxInt32 }
