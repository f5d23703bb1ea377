package lag

import (
	"math"
	"slices"
	"sort"
	"time"
)

// maxEnds bounds what a Clock remembers of its partition.
const maxEnds = 64

// Clock tells how long the oldest unprocessed record of one partition has
// been waiting, for any group that reads it. It knows no timestamps: it is
// told now and then how far the partition reaches, and takes a record to be as
// old as the first time when the end was seen beyond it. Its figure is too low
// by up to the time between two observations; by up to a quarter or so for a
// group so far behind that observations around its position were thinned out;
// and by the record's age at the first observation for what was there before
// it. It is never too high, and it rises with the time while a group stands
// still.
//
// The zero value is ready. It is not safe for concurrent use.
type Clock struct {
	ends []seenEnd // rising in both fields
	log  uint32    // how often the log was found to be another
}

// seenEnd is when the end offset was first seen where it was.
type seenEnd struct {
	at  time.Time
	end int64
}

// Wait is what a clock remembers of one group: the record that it processes
// next, and since when that waits. The zero value is that of a group which was
// never asked about.
type Wait struct {
	next  int64
	since int64 // nanoseconds since 1970; 0: not known
	log   uint32
}

// Observe tells the clock how far the partition reaches at a time. Times must
// not fall. An end below an earlier one is that of another log, cut or made
// anew: what was known of the former is forgotten.
func (c *Clock) Observe(at time.Time, end int64) {
	if n := len(c.ends); n > 0 {
		last := c.ends[n-1].end
		if end == last {
			return
		}
		if end < last {
			*c = Clock{log: c.log + 1}
		}
	}
	if len(c.ends) == maxEnds {
		c.thin(at)
	}
	c.ends = append(c.ends, seenEnd{at, end})
}

// thin drops the one whose absence widens the gap around it by least, as a
// share of the age of what lies in the gap: the recent past is kept finely, the
// far past coarsely, without limit. The first and the last always stay.
func (c *Clock) thin(now time.Time) {
	drop, least := 1, math.Inf(1)
	for i := 1; i < len(c.ends)-1; i++ {
		gap := c.ends[i+1].at.Sub(c.ends[i-1].at)
		if cost := float64(gap) / float64(now.Sub(c.ends[i].at)); cost < least {
			drop, least = i, cost
		}
	}
	c.ends = slices.Delete(c.ends, drop, drop+1)
}

// Age returns how long the record at next, the one that a group processes next,
// has been waiting at a time; 0 if it is yet to be written. The time must not be
// before that of the last observation. The group's wait is updated.
func (c *Clock) Age(w *Wait, next int64, at time.Time) time.Duration {
	i := sort.Search(len(c.ends), func(i int) bool { return c.ends[i].end > next })
	if i == len(c.ends) {
		*w = Wait{}
		return 0
	}
	if w.since == 0 || w.next != next || w.log != c.log {
		*w = Wait{next, c.ends[i].at.UnixNano(), c.log}
	}
	return max(time.Duration(at.UnixNano()-w.since), 0)
}
