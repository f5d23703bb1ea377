package timers

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/belfry/belfry/inbox"
)

// Told is what a row says at some time of what its user is to be told.
type Told struct {
	Records []inbox.Record // to append now
	Next    Next           // when it is to be looked at again; that of Records is not for here
}

// tell is when somebody is to be told of something. There is one for each user, unlike
// timers: when that is changes while the row stays, as quiet hours and days pass.
type tell struct {
	user string
	next Next
	at   int64 // when it is looked at next, in milliseconds since 1970
	// of is the policy and the announcement that it is by, counted from the session's start.
	of    uint32
	tries uint32 // times that records were appended for it
	place int32  // in the heap; -1: it is at work
}

// tells is a heap by at.
type tells []*tell

var _ heap.Interface = (*tells)(nil)

// Len implements heap.Interface.
func (h tells) Len() int { return len(h) }

// Less implements heap.Interface.
func (h tells) Less(i, j int) bool { return h[i].at < h[j].at }

// Swap implements heap.Interface.
func (h tells) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = int32(i), int32(j)
}

// Push implements heap.Interface.
func (h *tells) Push(x any) {
	t := x.(*tell)
	t.place = int32(len(*h))
	*h = append(*h, t)
}

// Pop implements heap.Interface.
func (h *tells) Pop() any {
	last := (*h)[len(*h)-1]
	(*h)[len(*h)-1] = nil
	*h = (*h)[:len(*h)-1]
	last.place = -1
	return last
}

// telling is the tells of one ownership of a partition.
type telling struct {
	queue  *Queue
	number int32
	rows   Rows
	yield  func(context.Context) error
	wake   chan struct{} // has room for one: another tell is first
	renew  chan struct{} // has room for one: there is another policy
	// announced has room for one: there is something for many users.
	announced chan struct{}

	mu      sync.Mutex // held for no longer than a few tells take
	heap    tells
	users   map[string]*tell
	pending map[Wait]int       // of users: those that nothing was appended for
	tried   map[*tell]struct{} // the others
	policy  uint32             // how many there were before, and announcements

	// Of run alone: while tells cannot be written none is tried before resume, which is
	// pause after the last one.
	resume time.Time
	pause  time.Duration
}

func newTelling(q *Queue, number int32, rows Rows) *telling {
	return &telling{queue: q, number: number, rows: rows, wake: make(chan struct{}, 1), renew: make(chan struct{}, 1), announced: make(chan struct{}, 1), users: map[string]*tell{}, pending: map[Wait]int{}, tried: map[*tell]struct{}{}}
}

// set has a user be told at next, and not at what was set before. Unsettled says that
// nothing came of what was appended for him: then what is overdue waits on for its turn.
func (s *telling) set(user string, next Next, unsettled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.users[user]
	if unsettled && t != nil && t.tries > 0 && next.At != 0 && next.At <= s.queue.clock().UnixMilli() {
		return
	}
	s.setLocked(t, user, next)
}

// found is [telling.set] for what the index has: what was set since that was made stays.
func (s *telling) found(user string, next Next) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.users[user]; next.At != 0 && (t == nil || t.of < s.policy) {
		s.setLocked(t, user, next)
	}
}

func (s *telling) setLocked(t *tell, user string, next Next) {
	switch {
	case next.At == 0 && t == nil:
		return
	case next.At == 0:
		s.removeLocked(t)
		if t.place >= 0 {
			heap.Remove(&s.heap, int(t.place))
		}
		return
	case t == nil:
		t = &tell{user: user, place: -1}
		s.users[user] = t
		s.pending[next.Wait]++
	default:
		s.countLocked(t, next, 0)
	}
	t.next, t.at, t.tries, t.of = next, next.At, 0, s.policy
	if t.place < 0 {
		heap.Push(&s.heap, t)
	} else {
		heap.Fix(&s.heap, int(t.place))
	}
	if t.place == 0 {
		signal(s.wake)
	}
}

// countLocked has t counted as what it is about to be.
func (s *telling) countLocked(t *tell, next Next, tries uint32) {
	if t.tries == 0 {
		s.pending[t.next.Wait]--
	}
	if tries == 0 {
		s.pending[next.Wait]++
		delete(s.tried, t)
	} else {
		s.tried[t] = struct{}{}
	}
}

func (s *telling) removeLocked(t *tell) {
	delete(s.users, t.user)
	delete(s.tried, t)
	if t.tries == 0 {
		s.pending[t.next.Wait]--
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// TellStats is what a queue holds and has done of tells.
type TellStats struct {
	// Pending are users who are to be told of something, by what that waits for.
	Pending map[Wait]int
	// Appended are tells that were written to journals, by channel; Again those of them
	// that were written since nothing came of the one before.
	Appended map[string]int64
	Again    int64
	Failed   int64 // tells that could not be written, and are tried again
	// Late is for how long the oldest is overdue: it waits for its turn, or nothing has
	// come of what was written. 0: none is.
	Late time.Duration
}

func (s *telling) stats(to *TellStats, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for wait, n := range s.pending {
		to.Pending[wait] += n
	}
	oldest := now
	if len(s.heap) > 0 {
		oldest = min(oldest, s.heap[0].at)
	}
	for t := range s.tried {
		// The first is under way while tries is 1.
		if t.tries > 1 {
			oldest = min(oldest, t.next.At)
		}
	}
	to.Late = max(to.Late, time.Duration(now-oldest)*time.Millisecond)
}

// run does what is due until ctx ends.
func (s *telling) run(ctx context.Context) {
	wait := time.NewTimer(idle)
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-s.wake:
		case <-s.renew:
			if err := s.byAnotherPolicy(ctx); err != nil {
				if ctx.Err() != nil {
					return
				}
				s.queue.log.Warn("rows cannot be looked up by the channels that were loaded, tried again", "partition", s.number, "err", err)
				signal(s.renew)
				if sleep(ctx, firstAgain) != nil {
					return
				}
			}
		case <-ctx.Done():
			return
		}
		next, err := s.work(ctx)
		if err != nil {
			return
		}
		wait.Reset(next)
	}
}

// byAnotherPolicy has everybody be told by the policy of now. A tell by the former
// is found to be void at its time, if not before.
func (s *telling) byAnotherPolicy(ctx context.Context) error {
	s.mu.Lock()
	s.policy++
	s.mu.Unlock()
	return s.rows.EachDue(ctx, func(user string, _ int64, next Next) error {
		s.found(user, next)
		return nil
	})
}

// work does all that is due, and returns how long it may sleep. The error is that of ctx.
func (s *telling) work(ctx context.Context) (time.Duration, error) {
	for {
		if wait := time.Until(s.resume); wait > 0 {
			return wait, nil
		}
		due, next := s.take(s.queue.clock())
		if len(due) == 0 {
			return next, nil
		}
		if err := s.fire(ctx, due); err != nil {
			return 0, err
		}
	}
}

// take takes up to batch tells whose time has come, or tells when the first will be.
func (s *telling) take(now time.Time) (due []*tell, next time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms := now.UnixMilli()
	for len(s.heap) > 0 && len(due) < batch && s.heap[0].at <= ms {
		due = append(due, heap.Pop(&s.heap).(*tell))
	}
	if len(due) > 0 || len(s.heap) == 0 {
		return due, idle
	}
	return nil, min(time.UnixMilli(s.heap[0].at).Sub(now), idle)
}

// fire appends what the rows say is to be appended by now. The error is that of ctx.
func (s *telling) fire(ctx context.Context, due []*tell) error {
	err := s.yield(ctx)
	if err == nil {
		err = s.queue.pace.wait(ctx, len(due))
	}
	looked := make([]Told, len(due))
	unread := make([]bool, len(due))
	var records []inbox.Addressed
	if err == nil {
		// A change while these waited for their turn counts.
		now := s.queue.clock()
		for i, t := range due {
			var problem error
			if looked[i], problem = s.rows.Tells(t.user, now); problem != nil {
				unread[i] = true
				s.queue.log.Debug("row of a tell cannot be read, it is looked at again", "partition", s.number, "err", problem)
			}
			for _, r := range looked[i].Records {
				records = append(records, inbox.Addressed{Recipients: []string{t.user}, Record: r})
			}
		}
		if len(records) > 0 {
			// Before they are written: what comes of them may be folded at once.
			again := s.try(due, looked, 1)
			if err = s.append(ctx, records, again); err != nil {
				s.try(due, looked, -1)
			}
		}
	}
	if err != nil {
		s.pause = min(max(2*s.pause, firstAgain), lastAgain)
		s.resume = time.Now().Add(s.pause)
	} else {
		s.pause = 0
	}
	now := s.queue.clock().UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, t := range due {
		if s.users[t.user] != t || t.place >= 0 {
			continue // it was set, or taken away, meanwhile
		}
		switch told := &looked[i]; {
		case err != nil:
		case unread[i]:
			t.at = now + firstAgain.Milliseconds()
		case len(told.Records) > 0:
			t.at = now + pauseAfter(t.tries).Milliseconds()
		case told.Next.At == 0:
			s.removeLocked(t)
			continue
		default:
			s.countLocked(t, told.Next, 0)
			t.next, t.tries, t.of = told.Next, 0, s.policy
			t.at = max(told.Next.At, now+1)
		}
		heap.Push(&s.heap, t)
	}
	return ctx.Err()
}

// try adds to the tries of those that records are for, and returns how many records are
// not the first.
func (s *telling) try(due []*tell, looked []Told, n int32) (again int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, t := range due {
		if len(looked[i].Records) > 0 && s.users[t.user] == t && t.place < 0 {
			tries := uint32(int32(t.tries) + n)
			s.countLocked(t, t.next, tries)
			if t.tries = tries; tries > 1 {
				again += int64(len(looked[i].Records))
			}
		}
	}
	return again
}

// append writes records, and counts them.
func (s *telling) append(ctx context.Context, records []inbox.Addressed, again int64) error {
	q := s.queue
	_, err := q.cfg.Journal.Append(ctx, records...)
	q.tellMu.Lock()
	defer q.tellMu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			q.tells.Failed += int64(len(records))
			q.tellFailure(s.number, len(records), "nobody is told outside of the inbox", err)
		}
		return err
	}
	for i := range records {
		q.tells.Appended[records[i].Record.Tell.Channel]++
	}
	q.tells.Again += again
	return nil
}
