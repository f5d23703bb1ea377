package limit

import (
	runtimemetrics "runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry/internal/cpus"
)

// Load is how busy a server is, for the hint how often to poll. It is safe for
// concurrent use, and has no goroutine: a caller that asks for the hint looks
// again, once a loadWindow at most.
//
// Two things count: requests that are being answered, since those that wait for
// the broker or a disk pile up while there is nothing to do, and how long work that
// could go on waits for a processor, which is what a busy server shows first,
// however many processors it has and whatever keeps it busy. Requests that wait for
// a table to change do not count: a few clients can have any number of them.
type Load struct {
	Requests atomic.Int64 // being answered now, besides those that wait for a table
	Capacity int64        // how many may be answered at once before clients are asked to slow down

	start   time.Time
	next    atomic.Int64 // when to look again, in nanoseconds since start
	stretch atomic.Int64 // by how much waiting has stretched the interval, in thousandths

	mu      sync.Mutex
	waiting func() time.Duration // since it was called last
}

const (
	requestsPerCPU = 64
	maxSlowdown    = 10

	loadWindow = time.Second
	// waitBusy is what the slowest hundredth of work waits for a processor when
	// there is too much of it, waitIdle when there is room again. Between them
	// nothing changes, so that the hint does not swing.
	waitBusy = 20 * time.Millisecond
	waitIdle = 5 * time.Millisecond
)

// NewLoad returns the load of a server that has just started. Waiting returns how
// long work waited for a processor since it was called last; nil asks the runtime.
func NewLoad(waiting func() time.Duration) *Load {
	if waiting == nil {
		waiting = new(schedule).waited
	}
	l := &Load{Capacity: requestsPerCPU * int64(cpus.Count()), start: time.Now(), waiting: waiting}
	l.stretch.Store(1000)
	return l
}

// Interval stretches base by how much too busy the server is, up to maxSlowdown
// times.
func (l *Load) Interval(base time.Duration) time.Duration {
	if since := time.Since(l.start).Nanoseconds(); since >= l.next.Load() {
		l.look(since)
	}
	thousandths := max(l.stretch.Load(), 1000*(1+l.Requests.Load()/l.Capacity))
	return base * time.Duration(min(thousandths, 1000*maxSlowdown)) / 1000
}

// look adapts to how things have gone: slower by a half each time that was too
// busy, faster by a tenth each time that had room, since clients come back
// sooner than they stay away.
func (l *Load) look(since int64) {
	if !l.mu.TryLock() {
		return // somebody does already
	}
	defer l.mu.Unlock()
	if since < l.next.Load() {
		return
	}
	l.next.Store(since + loadWindow.Nanoseconds())
	stretch := l.stretch.Load()
	switch waited := l.waiting(); {
	case waited > waitBusy:
		stretch += stretch / 2
	case waited < waitIdle:
		stretch -= stretch / 10
	}
	l.stretch.Store(min(max(stretch, 1000), 1000*maxSlowdown))
}

// schedule reads from the runtime how long goroutines waited for a processor.
type schedule struct{ before []uint64 }

// waited returns the 99th percentile of the waits since it was called last, 0
// for none.
func (s *schedule) waited() time.Duration {
	sample := []runtimemetrics.Sample{{Name: "/sched/latencies:seconds"}}
	runtimemetrics.Read(sample)
	if sample[0].Value.Kind() != runtimemetrics.KindFloat64Histogram {
		return 0 // a runtime that does not tell
	}
	h := sample[0].Value.Float64Histogram()
	first := s.before == nil
	if first {
		s.before = make([]uint64, len(h.Counts))
	}
	total := uint64(0)
	since := make([]uint64, len(h.Counts))
	for i, n := range h.Counts {
		since[i] = n - s.before[i]
		total += since[i]
	}
	copy(s.before, h.Counts)
	if first || total == 0 {
		return 0 // of the whole past, which says nothing of now
	}
	left := total / 100
	for i := len(since) - 1; i >= 0; i-- {
		if since[i] > left {
			return time.Duration(max(0, h.Buckets[i]) * float64(time.Second)) // the first may begin at -Inf
		}
		left -= since[i]
	}
	return 0
}
