package engine

import (
	"sync"
	"time"
)

// Rebalance is a change of which partitions of its inputs a member of a group
// has.
type Rebalance struct {
	At            time.Time
	Before, After int // partitions; Before is 0 for the first
	// Pause is how long nothing was processed: from the end of the session
	// before to the start of this one, without what a recovery takes then. It
	// is 0 for the first.
	Pause time.Duration
}

// maxRebalances is how many a processor remembers.
const maxRebalances = 32

// rebalances remembers the latest ones of a processor, over all that it is
// built anew. The zero value is ready; it is safe for concurrent use.
type rebalances struct {
	mu     sync.Mutex
	latest []Rebalance // by rising time
	had    int         // partitions of the session before
	ended  time.Time   // of the session before; zero while one lasts
	begun  bool

	count  int64
	paused time.Duration // of all
}

// begin says that a session with so many partitions begins.
func (r *rebalances) begin(at time.Time, partitions int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := Rebalance{At: at, Before: r.had, After: partitions}
	if r.begun && !r.ended.IsZero() {
		now.Pause = max(at.Sub(r.ended), 0)
	}
	if len(r.latest) == maxRebalances {
		r.latest = append(r.latest[:0], r.latest[1:]...)
	}
	r.latest = append(r.latest, now)
	r.count++
	r.paused += now.Pause
	r.begun, r.had, r.ended = true, partitions, time.Time{}
}

// end says that the session has ended; more than once is once.
func (r *rebalances) end(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended.IsZero() {
		r.ended = at
	}
}

func (r *rebalances) list() []Rebalance {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Rebalance(nil), r.latest...)
}

// Rebalances returns the latest ones that the processor has seen, 32 at most,
// the oldest first.
func (p *Processor) Rebalances() []Rebalance { return p.changes.list() }

// RebalanceTotals returns how many rebalances the processor has seen so far, the
// first included, and for how long it stood still in all of them.
func (p *Processor) RebalanceTotals() (count int64, paused time.Duration) {
	p.changes.mu.Lock()
	defer p.changes.mu.Unlock()
	return p.changes.count, p.changes.paused
}
