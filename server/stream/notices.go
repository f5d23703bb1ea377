package stream

import (
	"maps"
	"slices"
	"time"
)

// DefaultWakes is [Config.Wakes] unless somebody says otherwise.
const DefaultWakes = 20_000

const (
	// spread is over how long a notice to all streams goes, where wakesLeast and
	// [Config.Wakes] let it: what has changed for one user alone comes in between.
	spread     = 1750 * time.Millisecond
	wakesLeast = 5_000 // users a second: of few streams none needs to wait for long
	wakeEvery  = time.Millisecond
	wakeBehind = 3 * time.Millisecond // of wakes that are made up for, or wait to be served
	wakeMost   = 256                  // at once: others want the lock too
)

// notices is what has yet to follow from changes of notice boards, and from the ends of
// notices. It is guarded by streams.mu.
type notices struct {
	changed map[int32]struct{} // partitions whose users have yet to be woken
	pacing  []*subscribers     // users who have yet to be, each once
	waking  bool
	// awaited are the users of whom a stream lacks a content; contents is how many of
	// notices have come.
	awaited  map[*subscribers]struct{}
	contents uint64
}

// boardChanged has all users of a partition served, of all partitions if that is -1, at the pace of [Config.Wakes] and
// behind those of whom something else has changed. It does not wait for that.
func (s *Hub) boardChanged(partition int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drained != nil {
		return
	}
	if s.notices.changed == nil {
		s.notices.changed = map[int32]struct{}{}
	}
	s.notices.changed[partition] = struct{}{}
	s.startWaking()
}

// pace has a, whose streams have signals, served at the pace of [Config.Wakes] and behind
// others, with s.mu held.
func (s *Hub) pace(a *subscribers) {
	if s.drained != nil || a.pacing {
		return
	}
	a.pacing = true
	s.notices.pacing = append(s.notices.pacing, a)
	s.startWaking()
}

// startWaking has wake run, with s.mu held.
func (s *Hub) startWaking() {
	if !s.notices.waking {
		s.notices.waking = true
		s.helpers.Go(s.wake)
	}
}

// wake goes on until nobody is to be paced, and no partition is left whose board has
// changed. What comes meanwhile has the next pass.
func (s *Hub) wake() {
	for {
		pacing, all, partitions := s.toWake()
		if len(pacing)+len(partitions) == 0 {
			return
		}
		s.wakeAll(pacing, (*subscribers).takeTurn)
		users := all[:0]
		for _, a := range all {
			p := s.config.Rows.Partition(a.user)
			_, is := partitions[p]
			if _, any := partitions[-1]; is || any || p < 0 {
				users = append(users, a)
			}
		}
		s.wakeAll(users, (*subscribers).markAny)
	}
}

// toWake returns the users and the partitions whose turn it is, with all users if there
// are partitions; none if there is nothing to do any more.
func (s *Hub) toWake() (pacing, all []*subscribers, partitions map[int32]struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pacing, partitions = s.notices.pacing, s.notices.changed
	s.notices.pacing, s.notices.changed = nil, nil
	if len(pacing)+len(partitions) == 0 || s.drained != nil {
		s.notices.waking = false
		return nil, nil, nil
	}
	if len(partitions) > 0 {
		all = slices.AppendSeq(make([]*subscribers, 0, len(s.subscribers)), maps.Values(s.subscribers))
	}
	return pacing, all, partitions
}

// takeTurn reports whether a stream of a has signals yet, now that it is the turn of a.
func (a *subscribers) takeTurn() bool {
	a.pacing = false
	return slices.ContainsFunc(a.connections, func(c *connection) bool { return c.signals != 0 })
}

// markAny is mark, and reports whether a has streams.
func (a *subscribers) markAny() bool {
	a.mark()
	return len(a.connections) > 0
}

// wakeAll has those users queued for which is holds when their turn comes. It does not
// make up for time that it was kept from, and waits while many of those before have yet to
// be served: where the machine is short of time, what has changed for one user alone is
// to have it.
func (s *Hub) wakeAll(users []*subscribers, is func(*subscribers) bool) {
	if len(users) == 0 {
		return
	}
	tick := time.NewTicker(wakeEvery)
	defer tick.Stop()
	pace, due := float64(s.wakes()), 1.0
	most := max(pace*wakeBehind.Seconds(), 1)
	for last := time.Now(); ; <-tick.C {
		now := time.Now()
		due = min(due+pace*now.Sub(last).Seconds(), most)
		last = now
		n, ok := s.wakeSome(users[:min(int(due), len(users), wakeMost)], int(most), is)
		if users, due = users[n:], due-float64(n); !ok || len(users) == 0 {
			return
		}
	}
}

// wakes is how many users a second are woken: of a server's streams the last is told after
// spread, or sooner where they are few, or later where they are more than the configured
// pace gets to.
func (s *Hub) wakes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return min(s.config.Wakes, max(wakesLeast, int(float64(len(s.subscribers))/s.spread.Seconds())))
}

// wakeSome returns how many of the users had their turn, so that at most so many wait to
// be served, and whether to go on.
func (s *Hub) wakeSome(users []*subscribers, most int, is func(*subscribers) bool) (n int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	users = users[:min(len(users), max(most-s.ready.notices.length, 0))]
	for _, a := range users {
		if is(a) && !a.queued {
			a.noticed = true
			s.queue(a)
		}
	}
	return len(users), s.drained == nil
}

// noticeCame has those users served who wait for a content, at the same pace: they may be
// all. Contents of notices mostly come before anybody knows of them.
func (s *Hub) noticeCame(int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notices.contents++
	for a := range s.notices.awaited {
		a.mark()
		s.pace(a)
	}
}

// await notes after a round whether a stream of a lacks a content, with s.mu held. The
// round began when so many contents of notices had come.
func (s *Hub) await(a *subscribers, contents uint64) {
	lacks := false
	for _, c := range a.connections {
		at := c.at.whole
		lacks = lacks || at != nil && (len(at.pending) > 0 || !at.until.IsZero())
	}
	switch {
	case !lacks:
		delete(s.notices.awaited, a)
	case s.notices.contents != contents: // one that the round may not have found
		a.mark()
		s.enqueue(a)
		fallthrough
	default:
		if s.notices.awaited == nil {
			s.notices.awaited = map[*subscribers]struct{}{}
		}
		s.notices.awaited[a] = struct{}{}
	}
}
