package engine

import (
	"bytes"
	"context"

	"github.com/IBM/sarama"
)

// Batches are records of one key that one callback processes: what is at hand of a
// partition when it is its turn. Nothing waits for more, so that a group which has
// caught up gets single records.
type Batches struct {
	// Barrier, if not nil, says of which records all before them in the partition
	// must be acknowledged before they are processed, and they before all after
	// them. They are in batches with those of their key alone that come right behind.
	Barrier func(*sarama.ConsumerMessage) bool
}

// The bounds of a batch, but for a record that is larger.
const (
	maxBatchRecords = 256
	maxBatchBytes   = 1 << 20
)

// The bounds of a window. A user's next record of 10,000 users comes
// some hundred records later in a partition: fewer records would be no batches.
const (
	maxWindowRecords = 8192
	maxWindowBytes   = 6 << 20
	maxAllWindows    = 48 << 20 // that all partitions of a process share
	minWindowBytes   = 1 << 20
)

// fetchBytes is how much is fetched of a partition at once, compressed. A record of a
// fetch keeps all of it in memory.
const fetchBytes = 256 << 10

// batchChannel is how many records sarama keeps of a partition of a group with [Batches]
// before they are in a window.
const batchChannel = 64

// claim hands out a claim's records after announcing them to the tracker: a batch
// by its last record, the batches in the order of their first.
type claim struct {
	sarama.ConsumerGroupClaim
	messages  chan *sarama.ConsumerMessage
	next      window // what is handed out next
	readAhead func(keys []string)
}

// newClaim returns a claim of a session that has so many.
func newClaim(c sarama.ConsumerGroupClaim, batches *Batches, claims int) *claim {
	out := &claim{ConsumerGroupClaim: c, messages: make(chan *sarama.ConsumerMessage, 64)}
	out.next = window{records: 1, bytes: min(max(maxAllWindows/max(claims, 1), minWindowBytes), maxWindowBytes)}
	if batches != nil {
		out.next.records, out.next.barrier = maxWindowRecords, batches.Barrier
		out.next.open = map[string]*batch{}
	}
	return out
}

// Messages implements sarama.ConsumerGroupClaim.
func (c *claim) Messages() <-chan *sarama.ConsumerMessage { return c.messages }

// pump ends with ctx or with the claim.
func (c *claim) pump(ctx context.Context, t *tracker) {
	defer close(c.messages)
	in := c.ConsumerGroupClaim.Messages()
	var (
		out     []*batch               // of the window that is handed out
		wait    <-chan struct{}        // not nil: until it is closed no window is opened
		waiting func() <-chan struct{} // gives wait anew
		alone   bool                   // a barrier was handed out last
	)
	for {
		for len(out) == 0 && wait == nil && !c.next.empty() {
			if !c.next.fill(in) {
				return
			}
			if c.next.atBarrier() || alone {
				if wait = t.settled(); wait != nil {
					waiting = t.settled
					break
				}
			}
			alone = c.next.atBarrier()
			if c.readAhead != nil {
				c.readAhead(c.next.keys())
			}
			var announced []tracked
			announced, out = c.next.take()
			if wait = t.begin(announced...); wait != nil {
				waiting = t.room
			}
		}
		from, to := in, c.messages
		if c.next.full() {
			from = nil
		}
		var first *sarama.ConsumerMessage
		if len(out) == 0 {
			to = nil
		} else {
			first = out[0].last()
		}
		select {
		case m, ok := <-from:
			if !ok {
				return
			}
			c.next.add(m)
		case to <- first:
			out = out[1:]
		case <-wait:
			wait = waiting()
		case <-ctx.Done():
			return
		}
	}
}

// window is what is at hand of a partition.
type window struct {
	records, bytes int                                // that it takes at most, but for one record that is larger
	barrier        func(*sarama.ConsumerMessage) bool // may be nil

	all   []tracked
	order []*batch                // by their first record
	open  map[string]*batch       // by key, those that take more; nil: a record is a batch
	held  int                     // bytes of all
	stop  *batch                  // barriers, which come after all
	ahead *sarama.ConsumerMessage // what has come behind stop and is not of it
}

func (w *window) empty() bool { return len(w.all) == 0 && w.stop == nil }

// full reports whether it takes no more for now.
func (w *window) full() bool {
	return w.ahead != nil || len(w.all) >= w.records || w.held >= w.bytes
}

// atBarrier reports whether it begins with barriers.
func (w *window) atBarrier() bool { return w.stop != nil && len(w.all) == 0 }

// fill takes what is at hand without waiting. It reports whether in is still open.
func (w *window) fill(in <-chan *sarama.ConsumerMessage) bool {
	for !w.full() {
		select {
		case m, ok := <-in:
			if !ok {
				return false
			}
			w.add(m)
		default:
			return true
		}
	}
	return true
}

func (w *window) add(m *sarama.ConsumerMessage) {
	size := sizeOf(m)
	barrier := w.barrier != nil && w.barrier(m)
	switch {
	case w.stop != nil && barrier && bytes.Equal(w.stop.last().Key, m.Key) && w.stop.hasRoom(size):
		w.stop.add(m, size)
		return
	case w.stop != nil:
		w.ahead = m
		return
	case barrier:
		w.stop = &batch{}
		w.stop.add(m, size)
		return
	}
	w.held += size
	b := w.open[string(m.Key)]
	if b == nil || !b.hasRoom(size) {
		b = &batch{}
		w.order = append(w.order, b)
		if w.open != nil {
			w.open[string(m.Key)] = b
		}
	}
	b.add(m, size)
	w.all = append(w.all, tracked{m, b})
}

// keys are those of the batches.
func (w *window) keys() []string {
	keys := make([]string, len(w.order))
	for i, b := range w.order {
		keys[i] = string(b.records[0].Key)
	}
	return keys
}

// take empties the window, up to barriers that it has.
func (w *window) take() ([]tracked, []*batch) {
	if w.atBarrier() {
		b, next := w.stop, w.ahead
		if w.stop, w.ahead = nil, nil; next != nil {
			w.add(next)
		}
		var all []tracked
		for _, m := range b.records {
			all = append(all, tracked{m, b})
		}
		return all, []*batch{b}
	}
	all, order := w.all, w.order
	w.all, w.order, w.held = nil, nil, 0
	if len(w.open) > 64 { // to clear one that was large costs as if it still were
		w.open = map[string]*batch{}
	}
	clear(w.open)
	return all, order
}
