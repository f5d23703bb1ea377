package reach

import (
	"cmp"
	"slices"
	"sort"
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

// hours are the quiet ones of a week of the wall clock, in seconds from the midnight on
// that Sunday begins with: apart from each other and rising. Readers of a row look for the
// end of them for each of its items, so that what overlaps or meets is one.
type hours []struct{ from, to int }

const (
	daySeconds  = 24 * 60 * 60
	weekSeconds = 7 * daySeconds
	// week is longer than any week of the wall clock.
	week = 8 * 24 * time.Hour
)

// hours returns the quiet hours of the week.
func (p *Prefs) hours() hours {
	var all hours
	add := func(from, to int) {
		all = append(all, struct{ from, to int }{from, min(to, weekSeconds)})
		if to > weekSeconds { // from Saturday on into Sunday
			all = append(all, struct{ from, to int }{0, to - weekSeconds})
		}
	}
	for i := range p.Quiet {
		q := &p.Quiet[i]
		from, to := int(q.From)*60, int(q.To)*60
		if to <= from {
			to += daySeconds
		}
		for day := time.Sunday; day <= time.Saturday; day++ {
			if q.Days.Has(day) {
				add(int(day)*daySeconds+from, int(day)*daySeconds+to)
			}
		}
	}
	slices.SortFunc(all, func(a, b struct{ from, to int }) int { return cmp.Compare(a.from, b.from) })
	apart := all[:0]
	for _, h := range all {
		if n := len(apart); n > 0 && h.from <= apart[n-1].to {
			apart[n-1].to = max(apart[n-1].to, h.to)
			continue
		}
		apart = append(apart, h)
	}
	return apart
}

// QuietEnd returns the first instant at or after t that is not quiet in a zone, and false
// if there is none within eight days.
func (p *Prefs) QuietEnd(t time.Time, zone *time.Location) (time.Time, bool) {
	return p.hours().edge(t, zone, false)
}

// QuietStart returns the first instant at or after t that is quiet in a zone, and false if
// there is none within eight days.
func (p *Prefs) QuietStart(t time.Time, zone *time.Location) (time.Time, bool) {
	if len(p.Quiet) == 0 {
		return time.Time{}, false
	}
	return p.hours().edge(t, zone, true)
}

// edge returns the first instant at or after t that is quiet, or is not, and false if
// there is none within eight days.
func (h hours) edge(t time.Time, zone *time.Location, quiet bool) (time.Time, bool) {
	for limit := t.Add(week); !t.After(limit); {
		is, next := h.at(t, zone)
		if is == quiet {
			return t, true
		}
		t = next
	}
	return time.Time{}, false
}

// at reports whether an instant is quiet, and returns the next one after it at which that
// may change: the wall clock comes to the beginning or the end of quiet hours, or of the
// week, or is set.
func (h hours) at(t time.Time, zone *time.Location) (quiet bool, next time.Time) {
	wall := t.In(zone)
	second := int(wall.Weekday())*daySeconds + wall.Hour()*3600 + wall.Minute()*60 + wall.Second()
	i := sort.Search(len(h), func(i int) bool { return h[i].to > second })
	turn := weekSeconds
	if i < len(h) {
		if quiet = h[i].from <= second; quiet {
			turn = h[i].to
		} else {
			turn = h[i].from
		}
	}
	next = t.Truncate(time.Second).Add(time.Duration(turn-second) * time.Second)
	if _, end := wall.ZoneBounds(); !end.IsZero() && end.Before(next) {
		return quiet, end
	}
	return quiet, next
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
