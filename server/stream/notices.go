package stream

import "time"

// DefaultWakes is [Config.Wakes] unless somebody says otherwise.
const DefaultWakes = 20_000

const (
	wakeEvery = time.Millisecond
	wakeMost  = 256 // at once: others want the lock too
)

// notices is what has yet to follow from changes of notice boards. It is guarded by
// streams.mu.
type notices struct {
	changed map[int32]struct{} // partitions whose users have yet to be woken
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
	if !s.notices.waking {
		s.notices.waking = true
		s.helpers.Go(s.wake)
	}
}

// wake goes on until no partition is left whose board has changed. Those that change
// meanwhile have the next pass.
func (s *Hub) wake() {
	for {
		all, partitions := s.toWake()
		if len(partitions) == 0 {
			return
		}
		users := all[:0]
		for _, a := range all {
			p := s.config.Rows.Partition(a.user)
			_, is := partitions[p]
			if _, any := partitions[-1]; is || any || p < 0 {
				users = append(users, a)
			}
		}
		s.wakeAll(users)
	}
}

// toWake returns all users and the partitions whose turn it is, none if there is nothing
// to do any more.
func (s *Hub) toWake() ([]*subscribers, map[int32]struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	partitions := s.notices.changed
	s.notices.changed = nil
	if len(partitions) == 0 || s.drained != nil {
		s.notices.waking = false
		return nil, nil
	}
	all := make([]*subscribers, 0, len(s.subscribers))
	for _, a := range s.subscribers {
		all = append(all, a)
	}
	return all, partitions
}

func (s *Hub) wakeAll(users []*subscribers) {
	tick := time.NewTicker(wakeEvery)
	defer tick.Stop()
	start := time.Now()
	for n := 0; n < len(users); {
		due := min(len(users), 1+int(float64(s.config.Wakes)*time.Since(start).Seconds()))
		for n < due {
			next := min(due, n+wakeMost)
			if !s.wakeSome(users[n:next]) {
				return
			}
			n = next
		}
		if n < len(users) {
			<-tick.C
		}
	}
}

// wakeSome reports whether to go on.
func (s *Hub) wakeSome(users []*subscribers) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range users {
		if len(a.connections) == 0 {
			continue // it has left
		}
		a.mark()
		if !a.queued {
			a.noticed = true
			s.queue(a)
		}
	}
	return s.drained == nil
}

// noticeCame has those users served who wait for a content. Contents of notices mostly
// come before anybody knows of them.
func (s *Hub) noticeCame(int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notices.contents++
	for a := range s.notices.awaited {
		a.mark()
		s.enqueue(a)
	}
}

// await notes after a round whether a stream of a lacks a content, with s.mu held. The
// round began when so many contents of notices had come.
func (s *Hub) await(a *subscribers, contents uint64) {
	lacks := false
	for _, c := range a.connections {
		lacks = lacks || len(c.at.pending) > 0 || !c.at.until.IsZero()
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
