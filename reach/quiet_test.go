package reach

import (
	"hash/fnv"
	"os"
	"testing"
	"time"
)

// everyZone has the zones tested whole: all of them, a day around each transition, where
// a few of both do otherwise.
var everyZone = os.Getenv("BELFRY_TEST_EVERY_ZONE") != ""

// quietPlans are hours that meet transitions in all ways: over midnight, at the usual hour
// of a transition, of some days, touching, and short.
var quietPlans = []Prefs{
	{Quiet: []Quiet{{From: 22 * 60, To: 7 * 60}}},
	{Quiet: []Quiet{{From: 2*60 + 30, To: 2*60 + 45}, {Days: 1<<0 | 1<<6, From: 23 * 60, To: 23*60 + 30}}},
	{Quiet: []Quiet{{From: 0, To: 60}, {Days: 1 << 0, From: 60, To: midnight}}},
	{Quiet: []Quiet{{Days: 1<<5 | 1<<6, From: 18 * 60, To: 3 * 60}, {From: 12 * 60, To: 13 * 60}, {Days: 1 << 1, From: 0, To: midnight}}},
}

var digestPlans = []Digest{{At: 8*60 + 30}, {At: 2*60 + 30}, {At: 0}, {At: 23*60 + 45, Days: 1<<0 | 1<<6}}

// minutes is the model: what each minute of a stretch of time shows on the wall, asked
// for one by one.
type minutes struct {
	from  time.Time
	walls []time.Time
}

func minutesOf(from, to time.Time, zone *time.Location) minutes {
	m := minutes{from: from}
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		m.walls = append(m.walls, t.In(zone))
	}
	return m
}

// quiet is written from the words of the handbook: from a time on the named days up to
// another one, on the day after if that is not later.
func (m *minutes) quiet(i int, p *Prefs) bool {
	h, minute, _ := m.walls[i].Clock()
	now, day := h*60+minute, m.walls[i].Weekday()
	for _, q := range p.Quiet {
		for back := range 2 {
			started := time.Weekday((int(day) + 7 - back) % 7)
			if q.Days != 0 && q.Days>>started&1 == 0 {
				continue
			}
			length := int(q.To) - int(q.From)
			if length < 0 {
				length += 24 * 60
			}
			if since := now + back*24*60 - int(q.From); since >= 0 && since < length {
				return true
			}
		}
	}
	return false
}

// check holds both searches against the model for each minute whose answer is within it.
func (m *minutes) check(t *testing.T, zone *time.Location, step int) (compared int) {
	n := len(m.walls)
	for plan := range quietPlans {
		p := &quietPlans[plan]
		next := [2]int{-1, -1} // the next minute that is loud, and that is quiet
		for i := n - 1; i >= 0; i-- {
			quiet := m.quiet(i, p)
			next[bit(quiet)] = i
			if i%step != 0 && i > 0 && quiet == m.quiet(i-1, p) {
				continue // each end of quiet hours, and of the rest some
			}
			at := m.from.Add(time.Duration(i) * time.Minute)
			for want, search := range []func(time.Time, *time.Location) (time.Time, bool){p.QuietEnd, p.QuietStart} {
				if next[want] < 0 {
					continue
				}
				compared++
				if got, ok := search(at, zone); !ok || !got.Equal(m.from.Add(time.Duration(next[want])*time.Minute)) {
					t.Fatalf("%v, plan %d, from %v: quiet %t at %v, %t; want %v", zone, plan, at.In(zone), want == 1, got.In(zone), ok, m.walls[next[want]])
				}
			}
		}
	}
	for plan := range digestPlans {
		compared += m.checkDigest(t, zone, &digestPlans[plan], step)
	}
	return compared
}

func (m *minutes) checkDigest(t *testing.T, zone *time.Location, d *Digest, step int) (compared int) {
	had := map[int]bool{} // days that have had it
	var digests []int
	first := m.walls[0].YearDay() // it may have had it before
	for i, wall := range m.walls {
		if day := wall.YearDay(); day != first && Clock(wall.Hour()*60+wall.Minute()) >= d.At && !had[day] && d.Days.Has(wall.Weekday()) {
			had[day] = true
			digests = append(digests, i)
		}
	}
	from := 0
	for from < len(m.walls) && m.walls[from].YearDay() == first {
		from++
	}
	for i := from; i < len(m.walls) && len(digests) > 0; i++ {
		for len(digests) > 0 && digests[0] < i {
			digests = digests[1:]
		}
		if len(digests) == 0 || i%step != 0 && digests[0] > i {
			continue
		}
		compared++
		at := m.from.Add(time.Duration(i) * time.Minute)
		if got, ok := d.next(at, zone); !ok || !got.Equal(m.from.Add(time.Duration(digests[0])*time.Minute)) {
			t.Fatalf("%v, digest at %v, from %v: %v, %t; want %v", zone, d.At, at.In(zone), got.In(zone), ok, m.walls[digests[0]])
		}
	}
	return compared
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestLocalTimes holds quiet hours and digests against the model, minute by minute: each
// zone a day before and after each transition from 1990 to 2037, and one other day of each
// year.
func TestLocalTimes(t *testing.T) {
	if testing.Short() {
		t.Skip("much arithmetic, by one goroutine")
	}
	const day = 24 * time.Hour
	first, last := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC)
	zones, transitions, compared := 0, 0, 0
	seen := map[uint64]bool{} // many names are of the same times
	for _, name := range Zones() {
		zone, err := LoadZone(name)
		if err != nil {
			t.Fatalf("zone %s is not known", name)
		}
		h := fnv.New64a()
		var at []time.Time
		for w := first.In(zone); ; {
			_, offset := w.Zone()
			h.Write([]byte(w.UTC().String() + time.Duration(offset).String()))
			_, end := w.ZoneBounds()
			if end.IsZero() || !end.Before(last) {
				break
			}
			at = append(at, end.UTC())
			w = end
		}
		if !everyZone && seen[h.Sum64()] {
			continue
		}
		seen[h.Sum64()] = true
		zones++
		for i, end := range at {
			if !everyZone && (i+zones)%47 != 0 {
				continue
			}
			transitions++
			m := minutesOf(end.Truncate(time.Minute).Add(-day), end.Truncate(time.Minute).Add(day+14*time.Hour), zone)
			compared += m.check(t, zone, 37)
		}
		for year := 1990; year < 2038; year++ {
			if !everyZone && (year+zones)%48 != 0 {
				continue
			}
			from := time.Date(year, time.Month(1+(year+zones)%12), 1+(year*zones)%28, 0, 0, 0, 0, time.UTC)
			m := minutesOf(from, from.Add(2*day), zone)
			compared += m.check(t, zone, 37)
		}
	}
	t.Logf("%d zones, %d transitions, %d answers compared", zones, transitions, compared)
	if zones < 200 || transitions < 100 {
		t.Error("that is not all")
	}
}

func TestAlwaysQuiet(t *testing.T) {
	p := Prefs{Quiet: []Quiet{{From: 0, To: midnight}}}
	if at, ok := p.QuietEnd(time.Unix(0, 0), time.UTC); ok {
		t.Errorf("quiet hours that never end end at %v", at)
	}
	if at, ok := (&Prefs{}).QuietStart(time.Unix(0, 0), time.UTC); ok {
		t.Errorf("no quiet hours start at %v", at)
	}
}

// A day that a zone has passed over has no digest, and no day has two.
func TestDigestOfADayThatIsNot(t *testing.T) {
	apia, _ := LoadZone("Pacific/Apia")
	d := Digest{At: 8 * 60}
	got, ok := d.next(time.Date(2011, 12, 29, 8, 1, 0, 0, apia), apia)
	if want := time.Date(2011, 12, 31, 8, 0, 0, 0, apia); !ok || !got.Equal(want) {
		t.Errorf("got %v, want %v", got.In(apia), want)
	}
}

// Many quiet hours are as much work as one: a row is looked at for each of its items when a
// record of its user is folded, and whoever writes the most hours writes records too.
func TestManyQuietHoursAreFewTurns(t *testing.T) {
	zone, err := LoadZone("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	var p Prefs
	for i := range MaxQuiet { // all of the day, but for a minute of the week
		p.Quiet = append(p.Quiet, Quiet{From: Clock(i * 90), To: Clock(i*90 + 90)})
	}
	p.Quiet[MaxQuiet-1] = Quiet{From: Clock(22*60 + 30), To: 23*60 + 59}
	p.Quiet[0] = Quiet{Days: 0x7e, From: 23 * 60, To: 90}
	p.Quiet[1].From = 0
	turns, now := 0, time.Date(2026, 7, 12, 4, 0, 30, 0, time.UTC)
	h := p.hours()
	for at, quiet := now, true; quiet; turns++ {
		quiet, at = h.at(at, zone)
	}
	if end, ok := p.QuietEnd(now, zone); !ok || !end.Equal(time.Date(2026, 7, 13, 3, 59, 0, 0, time.UTC)) || turns > 3 {
		t.Errorf("quiet until %v, %t, after %d turns", end, ok, turns)
	}
	p.Quiet = append(p.Quiet, Quiet{From: 0, To: midnight})
	turns = 0
	h = p.hours()
	for at := now; at.Before(now.Add(week)); turns++ {
		_, at = h.at(at, zone)
	}
	if _, ok := p.QuietEnd(now, zone); ok || turns > 3 {
		t.Errorf("an end of always is found, or not after %d turns", turns)
	}
}
