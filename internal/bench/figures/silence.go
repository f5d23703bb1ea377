package figures

import (
	"sync"
	"time"
)

// noteworthy is the shortest silence that is kept.
const noteworthy = 20 * time.Millisecond

// Silences takes down how long each series of arrivals, such as the records of
// one partition of one topic, stood still. It is safe for concurrent use.
type Silences struct {
	mu     sync.Mutex
	series map[string]*series // by name
}

type series struct {
	last   time.Time
	silent []span // by rising begin
}

type span struct{ from, to time.Time }

// NewSilences starts one series of each name; all are silent from that time on.
func NewSilences(names []string, from time.Time) *Silences {
	s := &Silences{series: map[string]*series{}}
	for _, name := range names {
		s.series[name] = &series{last: from}
	}
	return s
}

// Arrive notes an arrival. Times of one series must not go back. A series that
// was not named before is ignored.
func (s *Silences) Arrive(name string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.series[name]
	if one == nil {
		return
	}
	if at.Sub(one.last) >= noteworthy {
		one.silent = append(one.silent, span{one.last, at})
	}
	one.last = at
}

// Longest returns the longest silence of any series for which of is true that
// overlaps the time between from and to. It counts whole, also the part of it
// before from; one that still lasts counts up to to.
func (s *Silences) Longest(from, to time.Time, of func(name string) bool) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var longest time.Duration
	for name, one := range s.series {
		if !of(name) {
			continue
		}
		if one.last.Before(to) {
			longest = max(longest, to.Sub(one.last))
		}
		for i := len(one.silent) - 1; i >= 0 && one.silent[i].to.After(from); i-- {
			if one.silent[i].from.Before(to) {
				longest = max(longest, one.silent[i].to.Sub(one.silent[i].from))
			}
		}
	}
	return longest
}
