package wire

import (
	"sync/atomic"
	"time"
)

// Lease is for how long whoever opened a stream may have it.
type Lease struct {
	Until time.Time // end of the token; zero for none
	// Withdrawn turns true when the key that the token was signed with is withdrawn;
	// nil: that cannot be.
	Withdrawn *atomic.Bool
}

// Over reports whether the lease has ended at now.
func (l Lease) Over(now time.Time) bool {
	return !l.Until.IsZero() && !now.Before(l.Until) || l.Withdrawn != nil && l.Withdrawn.Load()
}
