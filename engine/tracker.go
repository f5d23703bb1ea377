package engine

import (
	"sort"
	"sync"
	"time"

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
	most    int           // of bytes, beyond which there is no room
	freed   chan struct{} // closed when pending shrinks; nil: nobody waits
	// abandoned is the offset of a record that was given up in this session, -1
	// without one: neither it nor what follows counts as completed.
	abandoned int64
	// The record that a callback has at hand.
	at    int64
	since time.Time // zero: there is none
	cause string    // what it waits for; "" if it is at work
	// waits are those records that a callback has left to others, see Later, and that
	// wait for something.
	waits map[int64]laterWait
}

type laterWait struct {
	since time.Time
	cause string
}

// maxPending bounds, in bytes, what may follow a record of a partition whose
// writes are not acknowledged: a dead letter that nobody takes say, while those
// behind it need none. All partitions of a process share maxAllPending, of which each
// has minPending at the least.
const (
	maxPending    = 16 << 20
	maxAllPending = 48 << 20
	minPending    = 1 << 20
)

// pendingOf is what one of so many partitions may have pending, in bytes.
func pendingOf(partitions int) int {
	return min(max(maxAllPending/max(partitions, 1), minPending), maxPending)
}

// sizeOf is what a record takes in memory, about.
func sizeOf(m *sarama.ConsumerMessage) int {
	n := 256 + len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		n += 64 + len(h.Key) + len(h.Value)
	}
	return n
}

func newTracker(most int) *tracker { return &tracker{next: -1, abandoned: -1, most: most} }

// tracked is a record with the batch that it is processed in.
type tracked struct {
	raw   *sarama.ConsumerMessage
	batch *batch
}

// batch is what one callback processes: records of one key, in order. It is known
// by its last, which is the one that goka is handed.
type batch struct {
	records []*sarama.ConsumerMessage
	bytes   int
	done    bool // guarded by the tracker
}

func (b *batch) last() *sarama.ConsumerMessage { return b.records[len(b.records)-1] }

// hasRoom reports whether a batch that has records takes one more of that size.
func (b *batch) hasRoom(size int) bool {
	return len(b.records) < maxBatchRecords && b.bytes+size <= maxBatchBytes
}

func (b *batch) add(m *sarama.ConsumerMessage, size int) {
	b.records, b.bytes = append(b.records, m), b.bytes+size
}

// begin takes records that are handed out next, in the order of their offsets. It
// returns nil if there is room for others after them, see room.
func (t *tracker) begin(records ...tracked) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, records...)
	for _, r := range records {
		t.bytes += sizeOf(r.raw)
	}
	return t.roomLocked()
}

// settled is nil if all that was handed out is completed, and otherwise closed when
// it may be.
func (t *tracker) settled() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 {
		return nil
	}
	return t.freedLocked()
}

// room is nil if there is room, and otherwise closed when there may be.
func (t *tracker) room() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.roomLocked()
}

func (t *tracker) roomLocked() <-chan struct{} {
	if t.bytes < t.most {
		return nil
	}
	return t.freedLocked()
}

func (t *tracker) freedLocked() <-chan struct{} {
	if t.freed == nil {
		t.freed = make(chan struct{})
	}
	return t.freed
}

// batch returns the batch whose last record has that offset, nil if it is not being
// processed.
func (t *tracker) batch(offset int64) *batch {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i, ok := t.find(offset); ok {
		return t.pending[i].batch
	}
	return nil
}

// finish marks the batch of the record at offset as completed. It returns the last record of
// the completed prefix, after which may be committed now, or nil if there is
// none.
func (t *tracker) finish(offset int64) *sarama.ConsumerMessage {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i, ok := t.find(offset); ok && (t.abandoned < 0 || offset < t.abandoned) {
		t.pending[i].batch.done = true
	}
	n := 0
	for n < len(t.pending) && t.pending[n].batch.done {
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

// oldest is the offset of the oldest record that is not completed, or at which the claim
// goes on; -1 or less if neither is known.
func (t *tracker) oldest() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next < 0 && len(t.pending) > 0 {
		return t.pending[0].raw.Offset
	}
	return t.next
}

// abandon gives the record up: it is read again in the next session.
func (t *tracker) abandon(offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.abandoned < 0 || offset < t.abandoned {
		t.abandoned = offset
	}
}

// take notes that a callback has the record at offset at hand, from now on and until
// putDown. It reports false for a record that was given up, or is behind one.
func (t *tracker) take(offset int64, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.abandoned >= 0 && offset >= t.abandoned {
		return false
	}
	t.at, t.since = offset, now
	return true
}

// putDown ends take.
func (t *tracker) putDown() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.since, t.cause = time.Time{}, ""
}

// wait notes what the record at hand waits for, and reports whether it has not waited
// before.
func (t *tracker) wait(cause error) (first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first = t.cause == ""
	t.cause = cause.Error()
	return first
}

// waitLater notes what a record waits for that a callback has left to others, and since
// when; "" ends that.
func (t *tracker) waitLater(offset int64, cause string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if cause == "" {
		delete(t.waits, offset)
		return
	}
	if t.waits == nil {
		t.waits = map[int64]laterWait{}
	}
	if before, ok := t.waits[offset]; ok {
		now = before.since // it waits still, whatever for
	}
	t.waits[offset] = laterWait{now, cause}
}

// hand returns the record that a callback has at hand, since when, and what it waits
// for; since is zero if there is none. Of a partition whose completed prefix ends at a
// record that others have, and that waits, it returns that one.
func (t *tracker) hand() (offset int64, since time.Time, cause string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) > 0 {
		first := t.pending[0].raw.Offset
		if w, ok := t.waits[first]; ok {
			return first, w.since, w.cause
		}
	}
	return t.at, t.since, t.cause
}

func (t *tracker) isWaiting() bool {
	_, _, cause := t.hand()
	return cause != ""
}

func (t *tracker) find(offset int64) (int, bool) {
	i := sort.Search(len(t.pending), func(i int) bool { return t.pending[i].raw.Offset >= offset })
	return i, i < len(t.pending) && t.pending[i].raw.Offset == offset
}
