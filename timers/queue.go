package timers

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry/inbox"
)

// DefaultWakes is how many users a second a process looks at for what they are to be told
// of a notice to many.
const DefaultWakes = 20_000

// DefaultRate is how many touches a process appends a second, at the most. An item
// shows at its time in any case: a touch settles it in the row.
const DefaultRate = 2000

// A timer whose row is still due after a touch gets another one: after firstAgain,
// then twice as late each time, lastAgain at the most.
const (
	firstAgain = time.Second
	lastAgain  = time.Minute
)

const (
	// batch is how many touches are written at once.
	batch = 200
	// maxBehind is from how many unprocessed records of its partition on a timer
	// waits for them, patience for how long at the most.
	maxBehind  = 500
	patience   = 10 * time.Second
	behindPoll = 50 * time.Millisecond
	// slack is how many timers there may be beside those of twice the users that
	// there were when the heap was last made; more are mostly of times that the rows
	// have no more.
	slack = 1024
	// skewHolds is for how long the clocks are taken to differ as they were seen to. A
	// touch has them compared again.
	skewHolds = time.Minute
	// tellEvery is how often the log tells of touches that cannot be written.
	tellEvery = time.Minute
)

// Journal writes to the users' journals, as emitters.Journal does. Append
// returns when the broker has acknowledged all records.
type Journal interface {
	Append(ctx context.Context, records ...inbox.Addressed) ([]inbox.Position, error)
}

// Rows are those of a partition, as its owner has them.
type Rows interface {
	// Due is when the present row of a user is due, in milliseconds since 1970, 0 for
	// never.
	Due(user string) (int64, error)
	// Tells looks at the present row of a user for what he is to be told at now.
	Tells(user string, now time.Time) (Told, error)
	// EachDue calls visit for all users whose rows are due some time, or who are to be
	// told of something by the policy of now, and maybe for others. It returns the first
	// error of visit.
	EachDue(ctx context.Context, visit func(user string, due int64, next Next) error) error
	// Reached returns up to n users after one, in the order of their names, who can be
	// reached outside of the inbox; none if there are no more, or nobody is to be told of
	// anything. The error may be that of ctx.
	Reached(ctx context.Context, after string, n int) ([]string, error)
	// Next is when a user is to be told of something, by the present row and the policy of
	// now.
	Next(user string, now time.Time) (Next, error)
	// Behind is how many records of the partition wait to be processed.
	Behind() int64
}

// Config says what a Queue works with.
type Config struct {
	Journal Journal
	Rate    int // touches a second; 0: DefaultRate
	Wakes   int // users a second that are looked at for a notice to many; 0: DefaultWakes
	// Skew is by how much this process's clock is ahead of the brokers', which a row is
	// settled by, and when that was seen, zero for never. nil: not known. It must be safe
	// for concurrent use.
	Skew   func() (ahead time.Duration, at time.Time)
	Logger *slog.Logger // nil: slog.Default
}

// Queue holds the timers of one process. Its methods are safe for concurrent use.
type Queue struct {
	cfg  Config
	log  *slog.Logger
	pace pace
	// wakes is the pace of looks at users, each for all that is announced.
	wakes pace

	mu    sync.Mutex
	parts map[int32]*partition

	fired, again, failed atomic.Int64
	toldAt               atomic.Int64 // nanoseconds since 1970

	tellMu sync.Mutex
	tells  TellStats // what was done; the rest is with the partitions
}

// New returns a queue without timers.
func New(cfg Config) *Queue {
	if cfg.Rate <= 0 {
		cfg.Rate = DefaultRate
	}
	if cfg.Wakes <= 0 {
		cfg.Wakes = DefaultWakes
	}
	return &Queue{
		cfg: cfg, log: cmp.Or(cfg.Logger, slog.Default()).With("component", "timers"), parts: map[int32]*partition{},
		pace:  pace{every: time.Second / time.Duration(cfg.Rate)},
		wakes: pace{every: time.Second / time.Duration(cfg.Wakes)},
		tells: TellStats{Appended: map[string]int64{}},
	}
}

// clock is the time at which rows are settled: that of this process, or of the brokers
// where this one is known to be ahead of them, so that no touch comes too early.
func (q *Queue) clock() time.Time {
	now := time.Now()
	if q.cfg.Skew == nil {
		return now
	}
	if ahead, at := q.cfg.Skew(); ahead > 0 && !at.IsZero() && now.Sub(at) < skewHolds {
		return now.Add(-ahead)
	}
	return now
}

// Stats is what a queue holds and has done.
type Stats struct {
	Pending int   // timers that wait for their time, or for their first touch
	Fired   int64 // timers that a touch was appended for
	Again   int64 // touches appended since the one before had not settled the row
	Failed  int64 // touches that could not be written, and are tried again
	// Late is for how long the oldest timer is overdue: it waits for its touch, or one
	// has not settled it. 0: none is.
	Late time.Duration
}

// Stats returns them as they are now.
func (q *Queue) Stats() Stats {
	s := Stats{Fired: q.fired.Load(), Again: q.again.Load(), Failed: q.failed.Load()}
	now := q.clock().UnixMilli()
	for _, p := range q.all() {
		pending, late := p.stats(now)
		s.Pending += pending
		s.Late = max(s.Late, late)
	}
	return s
}

// TellStats returns them as they are now.
func (q *Queue) TellStats() TellStats {
	q.tellMu.Lock()
	s := q.tells
	s.Appended = maps.Clone(s.Appended)
	q.tellMu.Unlock()
	s.Pending = map[Wait]int{}
	now := q.clock().UnixMilli()
	for _, p := range q.all() {
		p.telling.stats(&s, now)
	}
	return s
}

// part is the ownership of a partition, nil for one that nobody holds.
func (q *Queue) part(number int32) *partition {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.parts[number]
}

func (q *Queue) all() []*partition {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Values(q.parts))
}

// Renew has all rows looked at by the policy of now, which is another one.
func (q *Queue) Renew() {
	for _, p := range q.all() {
		signal(p.telling.renew)
	}
}

// Announce has all users of a partition who can be reached looked at, paced, since there is
// something for many of them that their rows do not have yet. For a partition that nobody
// holds it does nothing.
func (q *Queue) Announce(number int32) {
	if p := q.part(number); p != nil {
		signal(p.telling.announced)
	}
}

// Hold begins an ownership of a partition, before its first record is folded. The
// returned function does what is due until ctx ends, which ends the ownership; it must
// be called. Another ownership of the partition takes the place of an earlier one.
func (q *Queue) Hold(number int32, rows Rows) (run func(ctx context.Context)) {
	p := &partition{queue: q, number: number, rows: rows, wake: make(chan struct{}, 1), telling: newTelling(q, number, rows)}
	p.telling.yield = p.yield
	q.mu.Lock()
	q.parts[number] = p
	q.mu.Unlock()
	return func(ctx context.Context) {
		defer func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			if q.parts[number] == p {
				delete(q.parts, number)
			}
		}()
		p.run(ctx)
	}
}

// Set arms the timer of a user whose row is written: it was due at one time and is at
// another, 0 for never. The row must be what [Rows] gives from now on. For a partition
// that nobody holds it does nothing.
func (q *Queue) Set(number int32, user string, was, due int64) {
	if due == 0 || due == was {
		return // an earlier timer finds that it is nobody's any more
	}
	if p := q.part(number); p != nil {
		p.add(user, due)
	}
}

// SetNext has a user be told of something at next, and not at what was set before; it is
// called as [Queue.Set] is. Unsettled says that the row was written for tells that came to
// nothing, and for nothing else: what is overdue waits on, longer each time.
func (q *Queue) SetNext(number int32, user string, next Next, unsettled bool) {
	if p := q.part(number); p != nil {
		p.telling.set(user, next, unsettled)
	}
}

// tellFailure has the log tell why touches or tells are not written, and what that means.
func (q *Queue) tellFailure(number int32, count int, means string, err error) {
	now := time.Now()
	last := q.toldAt.Load()
	if now.UnixNano()-last < int64(tellEvery) || !q.toldAt.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	q.log.Warn("timers are late, they are tried again", "means", means, "partition", number, "count", count, "err", err)
}

// pace deals out turns at a rate.
type pace struct {
	every time.Duration
	mu    sync.Mutex
	next  time.Time
}

// wait waits for the turn of n, and takes it. The error is that of ctx.
func (p *pace) wait(ctx context.Context, n int) error {
	p.mu.Lock()
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	turn := p.next
	p.next = p.next.Add(time.Duration(n) * p.every)
	p.mu.Unlock()
	return sleep(ctx, turn.Sub(now))
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a turn: %w", ctx.Err())
	}
}
