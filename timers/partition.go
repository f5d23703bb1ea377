package timers

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/belfry/belfry/inbox"
)

// partition is the timers of one ownership of a partition.
type partition struct {
	queue  *Queue
	number int32
	rows   Rows
	wake   chan struct{} // has room for one: another timer is first, or there are many

	mu      sync.Mutex // held for no longer than a few timers take
	waiting timers     // those that no touch was appended for
	touched timers     // those that one was; run alone changes them
	made    int        // timers there were when they were last made of the index

	making bool   // they are being made anew
	armed  timers // meanwhile

	// Of run alone: while touches cannot be written none is tried before resume, which is
	// pause after the last one.
	resume time.Time
	pause  time.Duration

	telling *telling
}

func (p *partition) add(user string, due int64) {
	t := timer{user: user, due: due}
	p.mu.Lock()
	p.waiting.push(t)
	if p.making {
		p.armed = append(p.armed, t)
	}
	woken := p.waiting[0].due == due || p.crowdedLocked()
	p.mu.Unlock()
	if woken {
		signal(p.wake)
	}
}

// crowdedLocked reports whether most timers may be of times that no row has any more.
func (p *partition) crowdedLocked() bool {
	return len(p.waiting)+len(p.touched) > 2*p.made+slack
}

// stats tells how many timers wait for their time or their first touch, and for how long
// the oldest is overdue. It looks at those alone that were touched and are not settled.
func (p *partition) stats(now int64) (pending int, late time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	oldest := now
	if len(p.waiting) > 0 {
		oldest = min(oldest, p.waiting[0].due)
	}
	for i := range p.touched {
		// The first touch is under way while tries is 1.
		if t := &p.touched[i]; t.tries != 1 {
			oldest = min(oldest, t.due)
		}
	}
	return len(p.waiting), time.Duration(now-oldest) * time.Millisecond
}

// run does what is due until ctx ends.
func (p *partition) run(ctx context.Context) {
	var telling sync.WaitGroup
	defer telling.Wait()
	telling.Go(func() { p.telling.run(ctx) })
	telling.Go(func() { p.telling.announce(ctx) })
	pause := firstAgain
	for {
		err := p.make(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return
		}
		p.queue.log.Warn("due rows cannot be looked up, tried again", "partition", p.number, "err", err)
		if sleep(ctx, pause) != nil {
			return
		}
		pause = min(2*pause, lastAgain)
	}
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-p.wake:
		case <-ctx.Done():
			return
		}
		next, err := p.work(ctx)
		if err != nil {
			return
		}
		wait.Reset(next)
	}
}

// idle is for how long a partition without timers sleeps, unless one comes.
const idle = time.Hour

// work does all that is due, and returns how long it may sleep. The error is that of
// ctx.
func (p *partition) work(ctx context.Context) (time.Duration, error) {
	for {
		p.mu.Lock()
		crowded := p.crowdedLocked()
		p.mu.Unlock()
		if crowded {
			if err := p.make(ctx); err != nil {
				p.queue.log.Debug("timers are not made anew", "partition", p.number, "err", err)
			}
		}
		if wait := time.Until(p.resume); wait > 0 {
			return wait, nil
		}
		due, next := p.take(p.queue.clock())
		if len(due) == 0 {
			return next, nil
		}
		if err := p.fire(ctx, due); err != nil {
			return 0, err
		}
	}
}

// take removes up to batch timers whose time has come, or tells when the first will be.
func (p *partition) take(now time.Time) (due []timer, next time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ms := now.UnixMilli()
	next = idle
	for _, h := range []*timers{&p.touched, &p.waiting} {
		for len(*h) > 0 && len(due) < batch && (*h)[0].at() <= ms {
			due = append(due, h.pop())
		}
		if len(*h) > 0 {
			next = min(next, max(time.UnixMilli((*h)[0].at()).Sub(now), 0))
		}
	}
	return due, next
}

// fire appends a touch for those timers that their rows still have. The error is that
// of ctx.
func (p *partition) fire(ctx context.Context, due []timer) error {
	// Timers that cannot be fired are not lost: they are there until their rows are settled.
	due = slices.DeleteFunc(due, func(t timer) bool { return !p.owes(&t) })
	if len(due) == 0 {
		return ctx.Err()
	}
	err := p.yield(ctx)
	if err == nil {
		err = p.queue.pace.wait(ctx, len(due))
	}
	if err == nil {
		err = p.touch(ctx, due)
	}
	if err != nil {
		p.pause = min(max(2*p.pause, firstAgain), lastAgain)
		p.resume = time.Now().Add(p.pause)
	} else {
		p.pause = 0
	}
	now := p.queue.clock().UnixMilli()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range due {
		if err == nil {
			t.tries++
			t.waitUntil(now + pauseAfter(t.tries).Milliseconds())
		}
		if t.tries == 0 {
			p.waiting.push(t)
		} else {
			p.touched.push(t)
		}
	}
	return ctx.Err()
}

// pauseAfter is how long a timer waits after so many touches.
func pauseAfter(tries uint32) time.Duration {
	return min(firstAgain<<min(tries-1, 10), lastAgain)
}

// owes reports whether the row is still due at the time of the timer. One that cannot be
// read is taken to be.
func (p *partition) owes(t *timer) bool {
	due, err := p.rows.Due(t.user)
	if err != nil {
		p.queue.log.Debug("row of a timer cannot be read, it is touched", "partition", p.number, "err", err)
		return true
	}
	return due == t.due
}

// yield waits while the partition has much to process, but not for ever.
func (p *partition) yield(ctx context.Context) error {
	for end := time.Now().Add(patience); p.rows.Behind() > maxBehind && time.Now().Before(end); {
		if err := sleep(ctx, behindPoll); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// touch appends a touch for the users of some timers, one for each user.
func (p *partition) touch(ctx context.Context, due []timer) error {
	users := make([]string, len(due))
	again := int64(0)
	for i, t := range due {
		users[i] = t.user
		if t.tries > 0 {
			again++
		}
	}
	slices.Sort(users)
	users = slices.Compact(users)
	q := p.queue
	if _, err := q.cfg.Journal.Append(ctx, inbox.Addressed{Recipients: users, Record: inbox.Record{Kind: inbox.KindTouch}}); err != nil {
		if ctx.Err() == nil {
			q.failed.Add(int64(len(due)))
			q.tellFailure(p.number, len(users), "rows are not written again at their time, which changes nothing that users see", err)
		}
		return err
	}
	q.fired.Add(int64(len(due)) - again)
	q.again.Add(again)
	return nil
}

// make makes the timers of the index: when the ownership starts, and when they have
// become crowded. Timers that were touched already stay, and so do those that are armed
// meanwhile. Only those are put in order under the lock, which the fold waits for.
func (p *partition) make(ctx context.Context) error {
	touched := map[string]int64{}
	for _, t := range p.touched {
		touched[t.user] = t.due
	}
	p.mu.Lock()
	p.making = true
	p.mu.Unlock()
	var made timers
	err := p.rows.EachDue(ctx, func(user string, due int64, next Next) error {
		p.telling.found(user, next)
		if at, ok := touched[user]; due != 0 && (!ok || at != due) {
			made = append(made, timer{user: user, due: due})
		}
		return nil
	})
	if err == nil {
		made = slices.Clip(made)
		heap.Init(&made)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		for _, t := range p.armed {
			made.push(t)
		}
		p.waiting = made
	}
	p.made, p.making, p.armed = len(p.waiting)+len(p.touched), false, nil
	return err
}
