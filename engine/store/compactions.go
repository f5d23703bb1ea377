package store

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// compactions lets Pebble compact, one at a time, and not while it is held. It is a
// pebble.CompactionScheduler and, since one runs at most, the handle of that one.
//
// Pebble calls TrySchedule with its locks held, and takes them in what is called of it
// but GetAllowedWithoutPermission: mu is never held over such a call.
type compactions struct {
	db pebble.DBForCompaction // set once, before all other calls

	mu      sync.Mutex
	turn    sync.Cond // of who offers
	held    bool
	running bool // or offered
	offers  bool // somebody offers
	refused bool // Pebble has one that waits, since the last offer began
	ended   bool
}

var (
	_ pebble.CompactionScheduler   = &compactions{}
	_ pebble.CompactionGrantHandle = &compactions{}
)

func newCompactions() *compactions {
	c := &compactions{}
	c.turn.L = &c.mu
	return c
}

// hold lets none begin any more; one that runs goes on.
func (c *compactions) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = true
}

// let ends hold.
func (c *compactions) let() {
	c.mu.Lock()
	was := c.held
	c.held = false
	c.mu.Unlock()
	if was {
		c.offer()
	}
}

// offer has one begin that Pebble was refused before, if there is one.
func (c *compactions) offer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.offers {
		c.turn.Wait()
	}
	for more := true; more && !c.held && !c.running && !c.ended; {
		c.offers, c.running, c.refused = true, true, false
		c.mu.Unlock()
		waits, _ := c.db.GetWaitingCompaction()
		begun := waits && c.db.Schedule(c)
		c.mu.Lock()
		if c.offers = false; !begun {
			c.running = false
		}
		c.turn.Broadcast()
		more = !begun && c.refused // while it was looked for
	}
}

// Register implements pebble.CompactionScheduler.
func (c *compactions) Register(_ int, db pebble.DBForCompaction) { c.db = db }

// Unregister implements pebble.CompactionScheduler.
func (c *compactions) Unregister() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for c.offers {
		c.turn.Wait()
	}
}

// TrySchedule implements pebble.CompactionScheduler.
func (c *compactions) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held || c.running || c.ended {
		c.refused = true
		return false, nil
	}
	c.running = true
	return true, c
}

// UpdateGetAllowedWithoutPermission implements pebble.CompactionScheduler: one is allowed
// at any time.
func (c *compactions) UpdateGetAllowedWithoutPermission() {}

// Started implements pebble.CompactionGrantHandle.
func (c *compactions) Started() {}

// MeasureCPU implements pebble.CompactionGrantHandle.
func (c *compactions) MeasureCPU(pebble.CompactionGoroutineKind) {}

// CumulativeStats implements pebble.CompactionGrantHandle.
func (c *compactions) CumulativeStats(pebble.CompactionGrantHandleStats) {}

// Done implements pebble.CompactionGrantHandle.
func (c *compactions) Done() {
	c.mu.Lock()
	c.running = false
	c.mu.Unlock()
	c.offer()
}
