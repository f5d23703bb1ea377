package reach

import (
	"time"
)

// MaxQuiet is how many hours of the week may be named quiet.
const MaxQuiet = 16

// Quiet is hours in which nothing is told: from From on the named days up to To, on the
// day after if that is not later. It goes by the wall clock: what that shows twice is
// quiet twice, what it passes over is not there.
type Quiet struct {
	Days     Weekdays // none is all
	From, To Clock    // differ
}

// has reports whether the wall clock shows a quiet time.
func (q *Quiet) has(wall time.Time) bool {
	day, c := wall.Weekday(), clockOf(wall)
	if q.From < q.To {
		return q.From <= c && c < q.To && q.Days.Has(day)
	}
	return c >= q.From && q.Days.Has(day) || c < q.To && q.Days.Has((day+6)%7)
}

func clockOf(wall time.Time) Clock { return Clock(wall.Hour()*60 + wall.Minute()) }

// QuietEnd returns the first instant at or after t that is not quiet in a zone, and false
// if there is none within eight days.
func (p *Prefs) QuietEnd(t time.Time, zone *time.Location) (time.Time, bool) {
	return p.edge(t, zone, false)
}

// QuietStart returns the first instant at or after t that is quiet in a zone, and false if
// there is none within eight days.
func (p *Prefs) QuietStart(t time.Time, zone *time.Location) (time.Time, bool) {
	if len(p.Quiet) == 0 {
		return time.Time{}, false
	}
	return p.edge(t, zone, true)
}

// week is longer than any week of the wall clock.
const week = 8 * 24 * time.Hour

func (p *Prefs) edge(t time.Time, zone *time.Location, quiet bool) (time.Time, bool) {
	for limit := t.Add(week); !t.After(limit); t = p.turn(t, zone) {
		if p.quiet(t.In(zone)) == quiet {
			return t, true
		}
	}
	return time.Time{}, false
}

func (p *Prefs) quiet(wall time.Time) bool {
	for i := range p.Quiet {
		if p.Quiet[i].has(wall) {
			return true
		}
	}
	return false
}

// turn returns the next instant after t at which that may change: the wall clock comes to
// an end of quiet hours, or to midnight, or is set.
func (p *Prefs) turn(t time.Time, zone *time.Location) time.Time {
	wall := t.In(zone)
	second := wall.Hour()*3600 + wall.Minute()*60 + wall.Second()
	next := 24*3600 - second
	for i := range p.Quiet {
		for _, c := range [...]Clock{p.Quiet[i].From, p.Quiet[i].To} {
			if s := int(c)*60 - second; s > 0 && s < next {
				next = s
			}
		}
	}
	at := t.Truncate(time.Second).Add(time.Duration(next) * time.Second)
	if _, end := wall.ZoneBounds(); !end.IsZero() && end.Before(at) {
		return end
	}
	return at
}

// next returns the first digest at or after t in a zone, and false if there is none within
// eight days. Each day has at most one: when its wall clock first shows At or later. A day
// that is passed over has none.
func (d *Digest) next(t time.Time, zone *time.Location) (time.Time, bool) {
	y, m, day := t.In(zone).Date()
	for i := -1; i <= 8; i++ {
		midnight := time.Date(y, m, day+i, 0, 0, 0, 0, time.UTC)
		if !d.Days.Has(midnight.Weekday()) {
			continue
		}
		if at, ok := d.on(midnight, zone); ok && !at.Before(t) {
			return at, true
		}
	}
	return time.Time{}, false
}

// on returns the digest of a day, whose first midnight it gets as if it were in UTC.
func (d *Digest) on(midnight time.Time, zone *time.Location) (time.Time, bool) {
	from, to := midnight.Add(time.Duration(d.At)*time.Minute), midnight.AddDate(0, 0, 1)
	// No zone is a day and two hours away from UTC.
	for t := from.Add(-26 * time.Hour); t.Before(to.Add(26 * time.Hour)); {
		wall := t.In(zone)
		_, offset := wall.Zone()
		shift := time.Duration(offset) * time.Second
		start, end := wall.ZoneBounds()
		at, last := from.Add(-shift), to.Add(-shift)
		if !start.IsZero() && at.Before(start) {
			at = start
		}
		if !end.IsZero() && last.After(end) {
			last = end
		}
		if at.Before(last) {
			return at.UTC(), true
		}
		if end.IsZero() {
			break
		}
		t = end
	}
	return time.Time{}, false
}
