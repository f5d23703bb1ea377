package inflate

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// budgetPart is the part of the memory limit that large answers may take.
	budgetPart = 4
	// leastBudget is room for the largest answer there may be, which is one batch.
	leastBudget = max(2*MaxBatchBytes, MaxBatchBytes+MaxBatchRecords*bytesOfARecord) + 4<<20
	// unlimitedBudget is the budget of a process whose memory nobody has limited.
	unlimitedBudget = 512 << 20

	// freeAnswer is what an answer takes of no budget: what honest batches take at a
	// time gets through whatever others hold.
	freeAnswer = 2 * smallBatch

	// patience is for how long an answer that has nothing else waits for room, as a broker
	// waits for records: then it comes beyond the budget, one batch at least and up
	// to maxAnswer.
	patience = 500 * time.Millisecond
	// restOfCollector is how many times as long as it took the collector rests before
	// large answers have it run again, restAtMost at most.
	restOfCollector = 4
	restAtMost      = 200 * time.Millisecond
	// scarceFor is for how long connections keep no large buffers once there was no room.
	scarceFor = 10 * time.Second
)

// budget is what the large answers of all connections of a process may take, from their
// decompression until the collector has freed what their client read them into: records
// are slices of that, wherever they wait. It is safe for concurrent use.
type budget struct {
	total int64
	room  *semaphore.Weighted

	mu    sync.Mutex
	again time.Time // when the collector may run again
	short time.Time // when there was no room last
}

// ofProcess is the budget of connections that have none of their own: what a process may
// hold is one figure, however many clients it has.
var ofProcess = sync.OnceValue(func() *budget {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return newBudget(unlimitedBudget)
	}
	return newBudget(max(limit/budgetPart, leastBudget))
})

func newBudget(total int64) *budget {
	return &budget{total: total, room: semaphore.NewWeighted(total)}
}

// take reports whether it took n bytes: nobody waits for room, and there is some, or is
// once the collector has run.
func (b *budget) take(n int64) bool {
	if b.room.TryAcquire(n) {
		return true
	}
	if b.collect() && b.room.TryAcquire(n) {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.short = time.Now()
	return false
}

// wait is take behind those who have waited for longer, until ctx ends.
func (b *budget) wait(ctx context.Context, n int64) bool {
	got := make(chan bool, 1)
	go func() { got <- b.room.Acquire(ctx, n) == nil }()
	for {
		b.collect()
		select {
		case ok := <-got:
			return ok
		case <-time.After(b.rest()):
		}
	}
}

func (b *budget) give(n int64) {
	if n > 0 {
		b.room.Release(n)
	}
}

// scarce reports whether there was no room for somebody not long ago. That much is taken
// tells nothing: the collector may not have come by.
func (b *budget) scarce() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Since(b.short) < scarceFor
}

// collect has the collector run, and reports false where it has done so not long ago.
func (b *budget) collect() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	began := time.Now()
	if began.Before(b.again) {
		return false
	}
	runtime.GC()
	b.again = time.Now().Add(min(restOfCollector*time.Since(began), restAtMost))
	return true
}

// rest is for how long the collector is left alone.
func (b *budget) rest() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(time.Until(b.again), time.Millisecond)
}

// share is what one answer holds of a budget. It is safe for concurrent use.
type share struct {
	of    *budget
	bytes atomic.Int64
	kept  int64 // of bytes, once the client has read the answer
}

// shrink gives back what making the answer took.
func (s *share) shrink() {
	if now := s.bytes.Load(); now > s.kept && s.bytes.CompareAndSwap(now, s.kept) {
		s.of.give(now - s.kept)
	}
}

// release gives back all. More calls of it change nothing.
func (s *share) release() { s.of.give(s.bytes.Swap(0)) }

// keep has s released once the collector has freed the buffer that p is of.
func (s *share) keep(p []byte) { runtime.AddCleanup(&p[0], (*share).release, s) }
