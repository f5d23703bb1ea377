package processors

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
)

// All that one record becomes is written so many records at a time, and no further while the
// fold has more than so much to do: others' records come in between, and are folded in
// some hundred milliseconds.
const (
	fanOut       = 1000
	mostUnfolded = 10_000
	foldLook     = time.Millisecond
	// foldPatience bounds all waits of a record, whatever the fold waits for.
	foldPatience = 5 * time.Second
)

// After so many notices it is waited for that they are written and that no partition of the
// fold has more than so many records to do, for so long at most: a fold that is busy with other
// things lets eighty a second through.
const (
	noticeStretch  = 8
	mostBehind     = 2 * noticeStretch
	noticePatience = 100 * time.Millisecond
)

// NoticePace has the routers of a process write notices to many no faster than its fold takes
// them in. Each is a barrier there ([engine.Batches]): its partition stands still for two
// acknowledgements of brokers, and what others are sent would wait behind all that were
// written. It is safe for concurrent use.
type NoticePace struct {
	turn    *semaphore.Weighted
	written atomic.Int64
}

// NewNoticePace returns the pace of one process.
func NewNoticePace() *NoticePace { return &NoticePace{turn: semaphore.NewWeighted(1)} }

// enter waits for the turn of a record that becomes so many notices, which lasts until leave
// is called. When ctx ends first there is none, and what the record becomes is written
// without: whoever has the partition next recognises it.
func (p *NoticePace) enter(ctx context.Context, notices int) (leave func()) {
	if p == nil || notices == 0 || p.turn.Acquire(ctx, 1) != nil {
		return func() {}
	}
	return func() { p.turn.Release(1) }
}

// step counts a notice and reports whether it is time to wait.
func (p *NoticePace) step() bool { return p != nil && p.written.Add(1)%noticeStretch == 0 }

// write writes what a record becomes, all of it.
func (r *Router) write(c *engine.Context, all []delivery, headers goka.Headers) {
	defer r.Notices.enter(c.Context(), noticesOf(all))()
	journal, records := r.Prefix.Journal(), make([]*kgo.Record, 0, min(len(all), fanOut))
	patient := time.Now().Add(foldPatience)
	for i := range all {
		d := &all[i]
		if d.rule != "" && len(d.keys) > 0 {
			r.Metrics.matched(d.rule)
		}
		r.note(c, d)
		for _, key := range d.keys {
			if len(records) == fanOut {
				c.Write(records)
				r.awaitFold(c.Context(), patient, r.hasMuch)
				records = make([]*kgo.Record, 0, fanOut)
			}
			records = append(records, kafka.NewRecord(journal, key, d.value, headers))
		}
		if d.notice && r.Notices.step() {
			c.WriteThrough(records)
			r.awaitFold(c.Context(), time.Now().Add(min(time.Until(patient), noticePatience)), r.isBehind)
			records = nil
		}
	}
	c.Write(records)
	// Many records of some recipients each are as much.
	if n := int64(len(records)); n > 1 && r.fanned.Add(n) >= fanOut {
		r.fanned.Store(0)
		r.awaitFold(c.Context(), time.Now().Add(foldPatience), r.hasMuch)
	}
}

func (r *Router) hasMuch() bool  { return r.Backlog.Records() > mostUnfolded }
func (r *Router) isBehind() bool { return r.Backlog.Most() > mostBehind }

// awaitFold waits while busy says that the fold has too much to do, until the time has come or
// ctx ends.
func (r *Router) awaitFold(ctx context.Context, until time.Time, busy func() bool) {
	if r.Backlog == nil {
		return
	}
	for time.Now().Before(until) && busy() {
		if !engine.Sleep(ctx, foldLook) {
			return
		}
	}
}
