package table

import (
	"sync"
	"time"

	"github.com/belfry/belfry/engine"
)

// progress is how far a reader of all or some partitions of a topic has come.
// Positions are offsets, so that what is not a record to us (what compaction
// has removed, the markers of transactions) counts as read like records do.
type progress struct {
	mu    sync.Mutex
	began time.Time
	parts map[int32]*reach
}

type reach struct {
	from   int64     // next at the begin
	next   int64     // everything below is applied or does not exist
	target int64     // caught up once next gets there
	end    int64     // the last stable offset as heard last
	sure   time.Time // what is at next and behind it was written after that; zero if that is not known
	mark   int64     // 0, or an end that next has not got to
	markAt time.Time // when that was asked for
	moved  time.Time // when next last rose
	asked  time.Time // when it was last asked whether there is anything at next
	wait   time.Duration
}

// silence is how long nothing comes from a partition before it is asked whether
// there is anything left to come. It doubles with each asking in vain.
const (
	silence    = 200 * time.Millisecond
	maxSilence = 5 * time.Second
)

// begin begins at those positions. Where the ends were was asked for at that time.
func (p *progress) begin(parts map[int32]*reach, asked time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for partition, at := range parts {
		at.from, at.moved, at.wait = at.next, now, silence
		if before := p.parts[partition]; before != nil && before.next <= at.next {
			at.sure = before.sure
		}
		at.hear(at.end, asked)
	}
	p.began, p.parts = now, parts
}

// hear takes in where the partition ended, which was asked for at a time; zero for one
// that is not known.
func (at *reach) hear(end int64, asked time.Time) {
	at.end = end
	switch {
	case asked.IsZero():
	case at.next >= end && asked.After(at.sure):
		at.sure, at.mark = asked, 0
	case at.next < end && at.mark == 0:
		at.mark, at.markAt = end, asked
	}
}

// move goes on to next.
func (at *reach) move(next int64) {
	if next <= at.next {
		return
	}
	at.next, at.moved, at.wait = next, time.Now(), silence
	if at.mark != 0 && next >= at.mark {
		at.sure, at.mark = at.markAt, 0
	}
}

// old reports whether what comes next from a partition may have been written longer ago
// than age.
func (p *progress) old(partition int32, now time.Time, age time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	sure := p.parts[partition].sure
	// The one clock stands still while the machine sleeps, the other may be set.
	return max(now.Sub(sure), now.Round(0).Sub(sure.Round(0))) > age
}

// aim has catching up end where the partitions end as heard last.
func (p *progress) aim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.parts {
		at.target = max(at.target, at.end)
	}
}

// recovery is how far it has come from the begin to the targets.
func (p *progress) recovery(now time.Time) *engine.Recovery {
	p.mu.Lock()
	defer p.mu.Unlock()
	spans := make([]engine.RecoverySpan, 0, len(p.parts))
	for _, at := range p.parts {
		spans = append(spans, engine.RecoverySpan{From: at.from, Next: at.next, End: at.target})
	}
	r := engine.RecoveryOf(spans, now.Sub(p.began))
	return &r
}

// reach says that everything below next is applied or does not exist, and where
// the partition ended by an answer that was asked for at a time.
func (p *progress) reach(partition int32, next, end int64, asked time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.parts[partition]
	at.move(next)
	at.hear(end, asked)
}

// extend says that the partition ends there, by an answer that brought more.
func (p *progress) extend(partition int32, end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parts[partition].end = end
}

// bound says where the partition ends, which was asked for at a time. A log that has become shorter than where
// catching up was to end has nothing more to catch up with.
func (p *progress) bound(partition int32, end int64, asked time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.parts[partition]
	at.target = min(at.target, end)
	at.hear(end, asked)
}

func (p *progress) next(partition int32) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.parts[partition].next
}

// caughtUp reports whether every partition has got to its target.
func (p *progress) caughtUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.parts {
		if at.next < at.target {
			return false
		}
	}
	return true
}

func (p *progress) lag() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lag int64
	for _, at := range p.parts {
		lag += max(at.end-at.next, 0)
	}
	return lag
}

// reached is the sum of all positions.
func (p *progress) reached() (sum int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.parts {
		sum += at.next
	}
	return sum
}

// silent returns the positions of partitions that are not at their end but from
// which nothing has come for a while, and takes them for asked.
func (p *progress) silent(now time.Time) map[int32]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out map[int32]int64
	for partition, at := range p.parts {
		if at.next >= max(at.target, at.end) || now.Sub(at.moved) < silence || now.Sub(at.asked) < at.wait {
			continue
		}
		if out == nil {
			out = map[int32]int64{}
		}
		out[partition] = at.next
		at.asked, at.wait = now, min(2*at.wait, maxSilence)
	}
	return out
}
