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

// begin forgets everything and begins at those positions.
func (p *progress) begin(parts map[int32]*reach) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, at := range parts {
		at.from, at.moved, at.wait = at.next, now, silence
	}
	p.began, p.parts = now, parts
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
// the partition ended then.
func (p *progress) reach(partition int32, next, end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.parts[partition]
	if next > at.next {
		at.next, at.moved, at.wait = next, time.Now(), silence
	}
	at.end = end
}

// extend says that the partition ends there, by an answer that brought more.
func (p *progress) extend(partition int32, end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parts[partition].end = end
}

// bound says where the partition ends. A log that has become shorter than where
// catching up was to end has nothing more to catch up with.
func (p *progress) bound(partition int32, end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.parts[partition]
	at.end, at.target = end, min(at.target, end)
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
