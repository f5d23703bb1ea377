package wire

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// Soon is when a client whose stream broke comes back: jittered, so that those
// of one server do not come as one.
// A client that is told to leave comes back sooner, see elsewhere.
func Soon() time.Duration { return Jitter(2*time.Second, 6*time.Second) }

// Elsewhere is when a client whose server drains comes to another one.
func Elsewhere() time.Duration { return Jitter(500*time.Millisecond, 2*time.Second) }

// later is when a client that was refused comes back.
func later() time.Duration { return Jitter(30*time.Second, 60*time.Second) }

// Seconds is d as a header has it, rounded up.
func Seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// Jitter returns a whole number of milliseconds from low to high, both
// included.
func Jitter(low, high time.Duration) time.Duration {
	return low + rand.N((high-low)/time.Millisecond+1)*time.Millisecond
}
