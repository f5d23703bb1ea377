package inbox_test

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// mutation is which rule of the twin is wrong, 0 for none.
type mutation int

// mutations are the rules that one could get wrong. The worlds tell each of them.
var mutations = []string{
	1: "settlement clears read and seen", 2: "eviction by seq", 3: "up_to by seq", 4: "settlement leaves Version",
	5: "x counts settled wakes too", 6: "a hidden change is not told as removed", 7: "a wake is in a catch-up only if Version > cursor",
	8: "a replaced content is tombstoned", 9: "retract of the shown drops the members", 10: "read does not restart count",
	11: "redelivery holds entries alone", 12: "the settling version is not told where the wake was", 13: "coming back shows a hidden item",
	14: "a retracted member is not told as an item", 15: "up_to reaches what left the archive since", 16: "equal places by seq",
	17: "a plain seq is a place in before", 18: "the removal of what comes back stays", 19: "hidden items count in the cap",
	20: "muted ones are not evicted first", 21: "a stream forgets the wakes it sent", 22: "an unread object alone moves the order of batches",
	23: "a leaving member keeps its old removal", 24: "seqs beside up_to reach what was snoozed since", 25: "next carries no version",
	26: "a stream remembers beyond the version", 27: "unsnooze leaves Until", 28: "what was muted stays so after snooze",
	29: "the latest people are those of the last three arrivals",
}

// The limits of the twin.
const (
	twinCap    = 5
	twinHidden = 2
	twinGone   = 5
)

// twinMember is an arrival.
type twinMember struct {
	seq        uint64
	id         int64
	actor, cat string
	exp        int64
}

// twinItem is an item with the arrivals it keeps, the shown one last.
type twinItem struct {
	ver, back, cut, shown         uint64
	until                         int64
	born, muted, read, seen, away bool
	key                           string
	count                         int
	mem                           []twinMember
}

type twinGoneItem struct {
	seq, ver uint64
	id       int64
}

// twin is the row of one user, folded from the words of the design as plainly as can be:
// it shares no code with the package.
type twin struct {
	mut        mutation
	kept       int // arrivals an item
	v, horizon uint64
	items      map[uint64]*twinItem
	removals   []twinGoneItem
	mutes      map[string]bool
	fx         []int64
}

func (e *twinItem) last() *twinMember      { return &e.mem[len(e.mem)-1] }
func (e *twinItem) seq() uint64            { return e.last().seq }
func (e *twinItem) hidden(now int64) bool  { return e.until > now && e.shown == 0 }
func (e *twinItem) woken(now int64) bool   { return 0 < e.until && e.until <= now && e.shown == 0 }
func (e *twinItem) expired(now int64) bool { return 0 < e.last().exp && e.last().exp <= now }
func (e *twinItem) marks() [3]bool         { return [3]bool{e.read, e.seen, e.away} }
func (e *twinItem) place() uint64 {
	if e.until != 0 && e.shown == 0 {
		return math.MaxUint64
	}
	return max(e.seq(), e.shown)
}

func (t *twin) order(a, b *twinItem) int {
	au, bu := a.until, b.until
	if t.mut == 16 {
		au, bu = 0, 0
	}
	return cmp.Or(cmp.Compare(a.place(), b.place()), cmp.Compare(au, bu), cmp.Compare(a.seq(), b.seq()))
}

func (t *twin) clone() *twin {
	c := *t
	c.items, c.removals, c.mutes, c.fx = map[uint64]*twinItem{}, slices.Clone(t.removals), maps.Clone(t.mutes), nil
	if c.mutes == nil {
		c.mutes = map[string]bool{}
	}
	for seq, e := range t.items {
		copied := *e
		copied.mem = slices.Clone(e.mem)
		c.items[seq] = &copied
	}
	return &c
}

func (t *twin) sorted() []*twinItem {
	return slices.SortedFunc(maps.Values(t.items), func(a, b *twinItem) int { return cmp.Compare(a.seq(), b.seq()) })
}

func (t *twin) remember(m twinMember, tombstone bool) {
	former := func(g twinGoneItem) bool { return g.seq == m.seq }
	if t.mut != 23 || !slices.ContainsFunc(t.removals, former) {
		t.removals = append(slices.DeleteFunc(t.removals, former), twinGoneItem{m.seq, t.v, m.id})
	}
	if tombstone {
		t.fx = append(t.fx, -int64(m.seq))
	}
}

func (t *twin) drop(e *twinItem) {
	delete(t.items, e.seq())
	for _, m := range e.mem {
		t.remember(m, true)
	}
}

// mate is the item that e takes.
func (t *twin) mate(e *twinItem, now int64) (best *twinItem) {
	for _, o := range t.sorted() {
		if e.key == "" || o == e || o.key != e.key || o.born != e.born || o.muted != e.muted || o.away && !o.muted {
			continue
		}
		if best == nil || best.hidden(now) && !o.hidden(now) || best.hidden(now) == o.hidden(now) && t.order(o, best) > 0 {
			best = o
		}
	}
	return best
}

func (t *twin) join(e *twinItem, now int64) {
	o := t.mate(e, now)
	if o == nil {
		return
	}
	delete(t.items, o.seq())
	leave := o.mem
	if !o.read || t.mut == 10 {
		all := append(slices.Clone(o.mem), e.mem...)
		n := max(len(all)-t.kept, 0)
		leave, e.mem = all[:n], all[n:]
		e.count += o.count
		t.remember(*o.last(), t.mut == 8)
	}
	for _, m := range leave {
		t.remember(m, true)
	}
}

func (t *twin) named(r *tracedRecord) (out []*twinItem) {
	up := min(r.Up, t.v-1)
	for _, seq := range r.Seqs {
		if e := t.items[seq]; e != nil && !(r.Up != 0 && e.hidden(r.Time) && e.ver > up && t.mut != 24) {
			out = append(out, e)
		}
	}
	for _, e := range t.sorted() {
		place := e.place()
		if t.mut == 3 {
			place = e.seq()
		}
		if r.Up != 0 && !slices.Contains(out, e) && !e.away && !e.hidden(r.Time) && (r.Cat == "" || r.Cat == e.last().cat) && place <= up && (e.back <= up || t.mut == 15) {
			out = append(out, e)
		}
	}
	return out
}

// again returns the effects of a record that t has.
func (t *twin) again(r *tracedRecord, v uint64) (fx []int64) {
	held := map[uint64]bool{}
	for _, e := range t.items {
		for _, m := range e.mem {
			held[m.seq] = t.mut != 11 || m == *e.last()
		}
	}
	for _, g := range t.removals {
		if g.ver == v && g.seq != 0 && !held[g.seq] {
			fx = append(fx, -int64(g.seq))
		}
	}
	switch {
	case r.Kind != "notify" || slices.Contains(fx, -int64(v)):
		return fx
	case held[v]:
		return append(fx, int64(v))
	}
	return append(fx, -int64(v))
}

// fold applies a record of a version that t has not.
func (t *twin) fold(r *tracedRecord, v uint64) {
	now := r.Time
	t.v = v
	for _, e := range t.sorted() {
		if e.expired(now) {
			t.drop(e)
		}
	}
	woken := slices.DeleteFunc(t.sorted(), func(e *twinItem) bool { return !e.woken(now) })
	slices.SortStableFunc(woken, func(a, b *twinItem) int { return cmp.Compare(a.until, b.until) })
	for _, e := range woken {
		if t.items[e.seq()] != e {
			continue
		}
		e.shown = v
		if t.mut != 4 {
			e.ver = v
		}
		if t.mut == 1 {
			e.read, e.seen = false, false
		}
		if e.born {
			e.born = false
			t.join(e, now)
		}
	}
	t.apply(r, now)
	var stay []*twinItem
	for _, e := range t.items {
		if !e.hidden(now) || t.mut == 19 {
			stay = append(stay, e)
		}
	}
	slices.SortFunc(stay, func(a, b *twinItem) int {
		if a.muted != b.muted && t.mut != 20 {
			return 1 - 2*bit(a.muted)
		}
		if t.mut == 2 {
			return cmp.Compare(a.seq(), b.seq())
		}
		return t.order(a, b)
	})
	for _, e := range stay[:max(0, len(stay)-twinCap)] {
		t.drop(e)
	}
	for len(t.removals) > twinGone && t.removals[0].ver < v {
		t.horizon = t.removals[0].ver
		t.removals = t.removals[1:]
	}
}

func (t *twin) apply(r *tracedRecord, now int64) {
	switch r.Kind {
	case "notify":
		t.arrive(r, now)
	case "seen", "read", "unread", "archive", "unarchive":
		for _, e := range t.named(r) {
			was := e.marks()
			switch r.Kind {
			case "seen":
				e.seen = true
			case "read":
				e.seen, e.read = true, true
			case "unread":
				e.read = false
			default:
				e.away = r.Kind == "archive"
			}
			if was != e.marks() {
				e.ver = t.v
				if r.Kind == "unarchive" {
					e.back, e.muted = t.v, false
				}
			}
		}
	case "delete":
		named := t.named(r)
		for _, e := range t.sorted() {
			if slices.Contains(named, e) {
				t.drop(e)
			}
		}
	case "erase":
		for _, e := range t.sorted() {
			t.drop(e)
		}
		clear(t.mutes)
	case "snooze":
		t.snooze(r, now)
	case "unsnooze":
		for _, e := range t.named(r) {
			if e.hidden(now) && !e.born {
				if t.mut != 27 {
					e.until = now
				}
				e.shown, e.ver = t.v, t.v
			}
		}
	case "mute":
		t.mutes[r.Cat] = true
		for _, e := range t.items {
			if e.born && e.last().cat == r.Cat && !e.muted {
				e.muted, e.away, e.read, e.seen, e.ver = true, true, true, true, t.v
			}
		}
	case "unmute":
		delete(t.mutes, r.Cat)
	case "retract":
		t.retract(r, now)
	}
}

func (t *twin) snooze(r *tracedRecord, now int64) {
	var named []*twinItem
	after := map[*twinItem]bool{}
	for _, e := range t.named(r) {
		if exp := e.last().exp; exp == 0 || exp > r.Until {
			named = append(named, e)
			after[e] = true
		}
	}
	for _, e := range t.items {
		if e.hidden(now) {
			after[e] = true
		}
	}
	if r.Until > now && len(after) > twinHidden {
		return
	}
	for _, e := range named {
		e.until, e.shown, e.ver = r.Until, t.v*uint64(bit(r.Until <= now)), t.v
		e.read, e.seen, e.away, e.born, e.muted = false, false, false, false, e.muted && t.mut == 28
	}
}

func (t *twin) knows(id int64) bool {
	for _, e := range t.items {
		if slices.ContainsFunc(e.mem, func(m twinMember) bool { return m.id == id }) {
			return true
		}
	}
	return slices.ContainsFunc(t.removals, func(g twinGoneItem) bool { return g.id == id })
}

func (t *twin) arrive(r *tracedRecord, now int64) {
	switch {
	case t.knows(r.ID):
		return
	case 0 < r.Exp && r.Exp <= now:
		t.removals = append(t.removals, twinGoneItem{0, t.v, r.ID})
		return
	}
	m := t.mutes[r.Cat]
	e := &twinItem{ver: t.v, muted: m, read: m, seen: m, away: m, key: r.Key, count: 1, mem: []twinMember{{t.v, r.ID, r.Actor, r.Cat, r.Exp}}}
	if r.At > now {
		e.until, e.born = r.At, true
	}
	hidden := 0
	for _, o := range t.items {
		hidden += bit(o.hidden(now))
	}
	if e.born && t.mate(e, now) == nil && hidden >= twinHidden {
		e.until, e.born = 0, false
	}
	t.join(e, now)
	t.items[t.v] = e
	t.fx = append(t.fx, int64(t.v))
}

func (t *twin) retract(r *tracedRecord, now int64) {
	for _, e := range t.sorted() {
		if r.Key != "" && e.key == r.Key {
			t.drop(e)
		}
	}
	if r.Key != "" {
		return
	}
	for _, e := range t.sorted() {
		i := slices.IndexFunc(e.mem, func(m twinMember) bool { return m.id == r.ID })
		if i < 0 {
			continue
		}
		m, shown := e.mem[i], i == len(e.mem)-1
		if shown {
			delete(t.items, m.seq)
		}
		e.mem, e.ver, e.count = slices.Delete(e.mem, i, i+1), t.v, e.count-1
		t.remember(m, true)
		if !shown {
			e.cut = t.v
			return
		}
		for len(e.mem) > 0 && (e.expired(now) || t.mut == 9) {
			t.remember(*e.last(), true)
			e.count--
			e.mem = e.mem[:len(e.mem)-1]
		}
		if len(e.mem) == 0 {
			return
		}
		if t.mut != 18 {
			t.removals = slices.DeleteFunc(t.removals, func(g twinGoneItem) bool { return g.seq == e.seq() })
		}
		if !e.hidden(now) || t.mut == 13 {
			e.shown, e.until = t.v, 0
		}
		t.items[e.seq()] = e
		return
	}
	if !slices.ContainsFunc(t.removals, func(g twinGoneItem) bool { return g.id == r.ID }) {
		t.removals = append(t.removals, twinGoneItem{0, t.v, r.ID})
	}
}
