package engine

import (
	"sort"
	"sync"

	"github.com/IBM/sarama"
)

// tracker knows the records of one claimed partition that are being processed,
// in order, so that only the completed prefix is committed: goka marks a record
// as soon as its own writes are acknowledged, also past older ones whose writes
// are still in flight.
type tracker struct {
	mu      sync.Mutex
	pending []tracked     // by rising offset
	next    int64         // after the completed prefix; -1 until the claim begins
	bytes   int           // of pending, as sizeOf counts them
	freed   chan struct{} // closed when pending shrinks; nil: nobody waits
	// abandoned is the offset of a record that was given up in this session, -1
	// without one: neither it nor what follows counts as completed.
	abandoned int64
	waiting   bool // for something that is not there
}

// maxPending bounds, in bytes, what may follow a record of a partition whose
// writes are not acknowledged: a dead letter that nobody takes say, while those
// behind it need none.
const maxPending = 16 << 20

// sizeOf is what a record takes in memory, about.
func sizeOf(m *sarama.ConsumerMessage) int {
	n := 256 + len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		n += 64 + len(h.Key) + len(h.Value)
	}
	return n
}

func newTracker() *tracker { return &tracker{next: -1, abandoned: -1} }

type tracked struct {
	raw  *sarama.ConsumerMessage
	done bool
}

// begin takes a record that is handed out next. It returns nil if there is room
// for another one after it, see room.
func (t *tracker) begin(raw *sarama.ConsumerMessage) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, tracked{raw: raw})
	t.bytes += sizeOf(raw)
	return t.roomLocked()
}

// room is nil if there is room, and otherwise closed when there may be.
func (t *tracker) room() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.roomLocked()
}

func (t *tracker) roomLocked() <-chan struct{} {
	if t.bytes < maxPending {
		return nil
	}
	if t.freed == nil {
		t.freed = make(chan struct{})
	}
	return t.freed
}

// raw returns the record at offset as it was received, nil if it is not being
// processed.
func (t *tracker) raw(offset int64) *sarama.ConsumerMessage {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i, ok := t.find(offset); ok {
		return t.pending[i].raw
	}
	return nil
}

// finish marks the record at offset as completed. It returns the last record of
// the completed prefix, after which may be committed now, or nil if there is
// none.
func (t *tracker) finish(offset int64) *sarama.ConsumerMessage {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i, ok := t.find(offset); ok && (t.abandoned < 0 || offset < t.abandoned) {
		t.pending[i].done = true
	}
	n := 0
	for n < len(t.pending) && t.pending[n].done {
		t.bytes -= sizeOf(t.pending[n].raw)
		n++
	}
	if n == 0 {
		return nil
	}
	last := t.pending[n-1].raw
	t.next = last.Offset + 1
	clear(t.pending[:n]) // let go of the records
	t.pending = t.pending[n:]
	if t.freed != nil {
		close(t.freed)
		t.freed = nil
	}
	return last
}

// start tells where the claim begins.
func (t *tracker) start(offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next = offset
}

// position is the offset after the completed prefix, -1 if the claim has not
// begun.
func (t *tracker) position() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next
}

// abandon gives the record up: it is read again in the next session.
func (t *tracker) abandon(offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.abandoned = offset
}

// isAbandoned reports whether the record, or one before it, was given up.
func (t *tracker) isAbandoned(offset int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.abandoned >= 0 && offset >= t.abandoned
}

func (t *tracker) setWaiting(waiting bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = waiting
}

func (t *tracker) isWaiting() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waiting
}

func (t *tracker) find(offset int64) (int, bool) {
	i := sort.Search(len(t.pending), func(i int) bool { return t.pending[i].raw.Offset >= offset })
	return i, i < len(t.pending) && t.pending[i].raw.Offset == offset
}
