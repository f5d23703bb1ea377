package inbox_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// skew is how far a server's clock is from true time at most.
const skew = 3

// past is a record and its version.
type past struct {
	record  tracedRecord
	version uint64
}

// hiding is one user's row, the servers that have it, each in its own time, and the
// clients that look at it there.
type hiding struct {
	*testing.T
	*rand.Rand
	mut     mutation
	now     int64
	rows    []inbox.State
	twin    *twin
	past    []past
	table   map[uint64]bool // the contents
	servers [3]struct {
		row   int
		clock int64
	}
	clients []*onlooker
	pressed []tracedRecord // mark-alls that are under way
	pager   pager
}

// pager is somebody who lists page by page.
type pager struct {
	open bool
	from uint64 // version of the row when it began
	next string
	got  map[uint64]bool
	stay map[uint64]bool // what was listed throughout
}

// play returns what differs in the world of that seed, "" for nothing.
func play(t *testing.T, seed uint64, mut mutation) (diff string) {
	defer func() {
		if r := recover(); r != nil {
			text, ok := r.(failure)
			if !ok {
				panic(r)
			}
			diff = string(text)
		}
	}()
	w := &hiding{T: t, Rand: rand.New(rand.NewPCG(seed, 17)), mut: mut, now: 100, rows: make([]inbox.State, 1), twin: &twin{mut: mut, kept: 3 + 4*int(seed%2)}, table: map[uint64]bool{}}
	off := []int64{0, skew, skew}[w.IntN(3)]
	for i := range w.servers {
		w.servers[i].clock = w.between(-off, off)
	}
	w.clients = []*onlooker{{}, {}}
	pace := [][]int64{{0, 0, 1, 1, 2, 5}, {0, 0, 0, 0, 1}}[w.IntN(2)]
	lazy := []float64{.6, .6, .15}[w.IntN(3)]
	for n := 1; n <= 45; n++ {
		w.now += pace[w.IntN(len(pace))]
		w.append(n, lazy)
		w.look(off)
		w.turn()
		if w.Float64() < .1 && !w.soon() {
			w.settled()
		}
	}
	w.now += 100
	w.settled()
	w.fold(tracedRecord{Kind: "touch", Time: w.now}, 1)
	w.settled()
	if at := w.last().NextWake(); at != 0 {
		w.fail("a wake at %d is never settled", at)
	}
	return ""
}

type failure string

func (w *hiding) fail(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

func (w *hiding) between(a, b int64) int64 { return a + w.Int64N(b-a+1) }

func (w *hiding) last() *inbox.State { return &w.rows[len(w.rows)-1] }

// at is what a server has and when.
func (w *hiding) at(server int) (*inbox.State, int64) {
	return &w.rows[w.servers[server].row], w.now + w.servers[server].clock
}

// append folds a record, and brings some of the servers on.
func (w *hiding) append(n int, lazy float64) {
	var r tracedRecord
	if len(w.pressed) > 0 && w.Float64() < .6 {
		r, w.pressed = w.pressed[0], w.pressed[1:]
	} else {
		r = w.draw(int64(n))
	}
	r.Time = w.now + w.between(-2, 2) // the broker's clock
	w.fold(r, uint64(w.between(1, 2)))
	for i := range w.servers {
		if s := &w.servers[i]; w.Float64() < lazy {
			if s.row = len(w.rows) - 1; lazy > .5 {
				s.row = int(w.between(int64(s.row), int64(len(w.rows)-1)))
			}
		}
	}
}

// fold folds a record into the row and its twin, which then are the same.
func (w *hiding) fold(r tracedRecord, further uint64) {
	v := w.last().Version + further
	before, kept := *w.last(), deepCopy(*w.last())
	after, effects := inbox.Fold(before, r.record(w.T), tracedIn(v, r.Time, w.twin.kept))
	if !reflect.DeepEqual(before, kept) {
		w.fail("fold of %s modified the row it was given", r.Kind)
	}
	w.twin = w.twin.clone()
	w.twin.fold(&r, v)
	w.rows, w.past = append(w.rows, after), append(w.past, past{r, v})
	w.same(&r, effects)
	for _, seq := range effects.Removed {
		delete(w.table, seq)
	}
	if effects.Seq != 0 {
		w.table[effects.Seq] = true
	}
	w.contents("after " + r.Kind)
	w.redeliver()
	w.shows(&before, &r)
}

// contents holds that the table has what the row holds.
func (w *hiding) contents(when string) {
	held := map[uint64]bool{}
	for seq := range w.last().Contents() {
		held[seq] = true
	}
	if !maps.Equal(held, w.table) {
		w.fail("contents %s: %v, want %v", when, w.table, held)
	}
}

// redeliver has the row take the last records again.
func (w *hiding) redeliver() {
	for _, p := range w.past[max(0, len(w.past)-1-w.IntN(6)):] {
		again, effects := inbox.Fold(*w.last(), p.record.record(w.T), tracedIn(p.version, p.record.Time, w.twin.kept))
		if !sameRow(again, *w.last()) {
			w.fail("redelivery of %d changes the row", p.version)
		}
		if got, want := effectsOf(effects), w.twin.again(&p.record, p.version); !slices.Equal(got, want) {
			w.fail("redelivery of %d has effects %v, want %v", p.version, got, want)
		}
		for _, seq := range effects.Removed {
			delete(w.table, seq)
		}
		if effects.Seq != 0 {
			w.table[effects.Seq] = true
		}
	}
	w.contents("after redelivery")
}

// effectsOf are the removed contents in order, and the written one.
func effectsOf(e inbox.Effects) (fx []int64) {
	for _, seq := range e.Removed {
		fx = append(fx, -int64(seq))
	}
	if e.Seq != 0 {
		fx = append(fx, int64(e.Seq))
	}
	return fx
}

// same holds the row and the effects of a record against the twin's.
func (w *hiding) same(r *tracedRecord, effects inbox.Effects) {
	got, want := effectsOf(effects), slices.Clone(w.twin.fx)
	slices.Sort(got)
	slices.Sort(want)
	if v := int64(w.twin.v); slices.Contains(want, -v) { // evicted by the record that brought it
		want = slices.DeleteFunc(want, func(f int64) bool { return f == v })
	}
	if !slices.Equal(got, want) {
		w.fail("%+v has effects %v, want %v", *r, got, want)
	}
	s, t := w.last(), w.twin
	if got, want := rowOf(s), t.text(); got != want {
		w.fail("%+v makes the row\n%s\nwant\n%s", *r, got, want)
	}
}

// rowOf writes a row as twin.text does.
func rowOf(s *inbox.State) string {
	out := fmt.Sprintln(s.Version, s.Horizon)
	for _, r := range s.Removals {
		out += fmt.Sprintln("removal", r.Seq, r.Version, r.Hash)
	}
	var mutes []string
	for _, m := range s.Mutes {
		mutes = append(mutes, m.Category)
	}
	slices.Sort(mutes)
	out += fmt.Sprintln("mutes", mutes)
	for i := range s.Items {
		e := &s.Items[i]
		out += fmt.Sprintln(e.Version, e.Unarchived, cutOf(e), e.Shown, e.Until, e.Born, e.Muted, e.Read, e.Seen, e.Archived, e.Collapse, e.Count)
		if e.Group != nil {
			for _, m := range e.Group.Earlier {
				out += fmt.Sprintln(" ", m.Seq, m.Hash, m.Actor.Hash, m.Category, m.ExpiresAt)
			}
		}
		var actor inbox.Actor
		if e.Group != nil {
			actor = e.Group.Actor
		}
		out += fmt.Sprintln(" ", e.Seq, e.Hash, actor.Hash, e.Category, e.ExpiresAt)
	}
	return out
}

func (t *twin) text() string {
	out := fmt.Sprintln(t.v, t.horizon)
	for _, g := range t.removals {
		out += fmt.Sprintln("removal", g.seq, g.ver, tracedHash(g.id))
	}
	out += fmt.Sprintln("mutes", slices.Sorted(maps.Keys(t.mutes)))
	for _, e := range t.sorted() {
		out += fmt.Sprintln(e.ver, e.back, e.cut, e.shown, e.until, e.born, e.muted, e.read, e.seen, e.away, inbox.CollapseHash(e.key), e.count)
		for _, m := range e.mem {
			actor := uint64(0)
			if e.key != "" {
				actor = inbox.ActorHash(belfry.Actor{ID: m.actor})
			}
			out += fmt.Sprintln(" ", m.seq, tracedHash(m.id), actor, m.cat, m.exp)
		}
	}
	return out
}

// shows holds what the row shows at every instant that counts: the badge is the list,
// x only rises and stands for one list, and all is as the twin shows it.
func (w *hiding) shows(before *inbox.State, r *tracedRecord) {
	s, t, at := w.last(), w.twin, r.Time
	stays := w.unmoved(before, r)
	instants := map[int64]bool{0: true, at: true, w.now - skew: true, w.now + 2: true, w.now + 30: true}
	for _, e := range t.items {
		for _, i := range []int64{e.until, e.last().exp} {
			if i != 0 {
				instants[i-1], instants[i] = true, true
			}
		}
	}
	byX, lastX := map[int]string{}, -1
	for _, now := range slices.Sorted(maps.Keys(instants)) {
		list, archived, unread := t.listed(now)
		got := page(s, inbox.StatusAll, now)
		var away, scheduled []uint64
		for _, l := range page(s, inbox.StatusArchived, now) {
			away = append(away, l.seq)
		}
		slices.Sort(away)
		hidden := page(s, inbox.StatusScheduled, now)
		for _, l := range hidden {
			scheduled = append(scheduled, l.seq)
		}
		badge := s.Counts(ms(now)).Unread
		if !slices.Equal(got, list) || !slices.Equal(away, archived) || badge != unread || badge != unreadOf(got) {
			w.fail("at %d it lists %+v, archived %v, badge %d, want %+v, %v, %d", now, got, away, badge, list, archived, unread)
		}
		if !slices.IsSortedFunc(hidden, func(a, b look) int { return int(a.until - b.until) }) || len(hidden) != s.HiddenCount(ms(now))-w.expiredHidden(now) {
			w.fail("at %d it has scheduled %+v", now, hidden)
		}
		x := s.Passed(ms(now))
		if x != t.x(now) || x < lastX {
			w.fail("at %d x is %d, want %d, not below %d", now, x, t.x(now), lastX)
		}
		lastX = x
		if was, is := stays(page(before, inbox.StatusAll, now), got), stays(got, page(before, inbox.StatusAll, now)); !slices.Equal(was, is) {
			w.fail("%+v moves at %d what it does not name: from %v to %v", *r, now, was, is)
		}
		shown := fmt.Sprintln(got, away, scheduled)
		if have, ok := byX[x]; ok && have != shown {
			w.fail("at %d, x %d stands for %s as well as %s", now, x, shown, have)
		}
		byX[x] = shown
		if next, ok := s.NextChange(ms(now)); ok && next.UnixMilli() <= now {
			w.fail("at %d the next change is at %d", now, next.UnixMilli())
		}
	}
	for cursor := range w.last().Version + 1 {
		for _, now := range []int64{at, w.now + 4} {
			got, ok := since(s, cursor, now)
			if want, known := t.since(cursor, now); ok != known || !reflect.DeepEqual(got, want) {
				w.fail("since %d at %d it tells %v, %t; want %v, %t", cursor, now, got, ok, want, known)
			}
		}
	}
}

// unmoved returns what tells of two lists, that before the record and that after it, in
// which order the first has the items that both have, but for those that the record
// brought, brought back or snoozed.
func (w *hiding) unmoved(before *inbox.State, r *tracedRecord) func(list, other []look) []uint64 {
	settled, _ := inbox.Fold(*before, tracedRecord{Kind: "touch"}.record(w.T), tracedIn(w.last().Version, r.Time, w.twin.kept))
	moves := func(seq uint64) bool {
		if r.Kind == "snooze" || r.Kind == "unsnooze" {
			return slices.Contains(r.Seqs, seq)
		}
		_, was := settled.Entry(seq)
		_, is := w.last().Entry(seq)
		return is && !was
	}
	return func(list, other []look) (out []uint64) {
		for _, l := range list {
			if !moves(l.seq) && slices.ContainsFunc(other, func(o look) bool { return o.seq == l.seq }) {
				out = append(out, l.seq)
			}
		}
		return out
	}
}

func (w *hiding) expiredHidden(now int64) (n int) {
	for _, e := range w.twin.items {
		n += bit(e.hidden(now) && e.expired(now))
	}
	return n
}

// crowded is the id of the shown arrival of the item that keeps the most, id for none.
func (w *hiding) crowded(id int64) int64 {
	most := 0
	for _, e := range w.twin.sorted() {
		if len(e.mem) > most {
			most, id = len(e.mem), e.last().id
		}
	}
	return id
}

// draw draws a record.
func (w *hiding) draw(made int64) tracedRecord {
	weights := []struct {
		kind   string
		weight float64
	}{{"notify", 42}, {"seen", 3}, {"read", 7}, {"unread", 3}, {"archive", 4}, {"unarchive", 4}, {"delete", 2}, {"snooze", 14},
		{"unsnooze", 3}, {"mute", 2}, {"unmute", 3}, {"retract", 8}, {"erase", .3}, {"touch", 6}}
	at, i := w.Float64()*101.3, 0
	for ; at > weights[i].weight && i < len(weights)-1; i++ {
		at -= weights[i].weight
	}
	r := tracedRecord{Kind: weights[i].kind, Cat: []string{"a", "b"}[w.IntN(2)]}
	switch r.Kind {
	case "notify":
		r.ID, r.Key, r.Actor = made, []string{"", "k", "k", "l"}[w.IntN(4)], string("xyzuvw"[w.IntN(6)])
		if w.Float64() < .1 {
			r.ID = w.between(1, made)
		}
		if w.IntN(4) == 0 {
			r.At = w.now + w.between(-2, 12)
		}
		if w.IntN(4) == 0 {
			r.Exp = w.now + w.between(-1, 25)
			r.Exp *= int64(bit(r.Exp > r.At))
		}
	case "retract":
		if r.ID = max(1, made-w.between(0, 12)); w.Float64() < .1 {
			r.ID, r.Key = 0, []string{"k", "l"}[w.IntN(2)]
		} else if w.twin.kept > 3 && w.IntN(2) == 0 {
			r.ID = w.crowded(r.ID)
		}
	case "mute", "unmute", "erase", "touch":
	default:
		items := w.last().Items
		for _, i := range w.Perm(len(items))[:min(len(items), []int{1, 1, 2}[w.IntN(3)])] {
			r.Seqs = append(r.Seqs, items[i].Seq)
		}
		r.Until = w.now + w.between(-1, 12)
	}
	return r
}
