package lag

import (
	"math"
	"slices"
	"time"
)

// catchUpWindow is how far back a CatchUp looks.
const catchUpWindow = 30 * time.Second

// keepsUp is how much of its own work a reader may have before it and still
// count as one that keeps up: what is on its way at any time, rather than a
// backlog.
const keepsUp = 10 * time.Second

// CatchUp estimates when a reader of a log will have caught up, from how its
// position and the end of the log have moved in the last 30 s. The zero value
// is ready. It is not safe for concurrent use.
type CatchUp struct {
	stood []standing // rising in time
}

// standing is where a reader stood.
type standing struct {
	at        time.Time
	done, lag int64
}

// Observe tells where the reader stands: done rises by one for each record that
// it processes, lag is how many are left. A done below an earlier one is that
// of another log: what was known is forgotten. Times must not fall.
func (c *CatchUp) Observe(at time.Time, done, lag int64) {
	if n := len(c.stood); n > 0 && done < c.stood[n-1].done {
		c.stood = c.stood[:0]
	}
	c.stood = append(c.stood, standing{at, done, lag})
	// One from before the window stays, so that there is a whole window to see.
	old := 0
	for old+1 < len(c.stood) && at.Sub(c.stood[old+1].at) >= catchUpWindow {
		old++
	}
	c.stood = slices.Delete(c.stood, 0, old)
}

// Seconds returns how long it will take until the reader has caught up:
//
//   - 0 if it has;
//   - the lag at the rate at which it works, if that is ten seconds or less: so
//     much is on its way wherever there is traffic;
//   - +Inf if it does not work, or no faster than records arrive;
//   - else the lag at the rate at which it shrinks.
//
// It is not known from one observation alone, unless that is of no lag.
func (c *CatchUp) Seconds() (seconds float64, known bool) {
	if len(c.stood) == 0 {
		return 0, false
	}
	first, last := c.stood[0], c.stood[len(c.stood)-1]
	if last.lag <= 0 {
		return 0, true
	}
	passed := last.at.Sub(first.at).Seconds()
	if passed <= 0 {
		return 0, false
	}
	lag, worked := float64(last.lag), float64(last.done-first.done)/passed
	shrinks := float64(first.lag-last.lag) / passed
	switch {
	case worked > 0 && lag/worked <= keepsUp.Seconds():
		return lag / worked, true
	case shrinks <= 0:
		return math.Inf(1), true
	}
	return lag / shrinks, true
}
