package board_test

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
	1: "no barrier", 2: "natural expiry leaves the board without an event", 3: "forgetting raises no horizon", 4: "shared entries count in the cap",
	5: "a redelivered record advances", 6: "membership is judged after the user's record", 7: "going out is skipped where the row does not hold it",
	8: "the base is each row's last version", 9: "join removes nothing", 10: "with an entry alone, only its own going is a version",
	11: "a wake enters with its seq as version", 12: "readers trim removals to another number", 13: "a horizon keeps only what is live now",
	14: "horizons come before the events", 15: "an entry of a topic brings its next ones", 16: "concerns are judged by the entries of the moment",
	17: "what came and went within one record is two events", 18: "x counts items, not instants", 19: "up_to looks at seq, not place",
	20: "advance drops by the clock", 21: "shared removals have tombstones of the board", 22: "mute is not judged at entering", 23: "one horizon for all audiences",
	24: "the row keeps no audience", 25: "the row keeps no Unarchived", 26: "a hidden entry that goes is an event", 27: "forgetting takes any, not the oldest",
	28: "dropped horizons of topics raise no floor", 29: "who has no row sees nothing", 30: "a snooze of a shared entry is not kept",
	31: "a barrier hands over and does not wait for acknowledgement", 32: "redelivered rows are not written again",
}

// The limits of the worlds.
const (
	twinCap   = 4
	twinBoard = 4 // live notices
	twinKeep  = 5 // removals
	twinStays = 3
	twinAge   = 40
	twinOwn   = 1 // horizons of topics
)

const never = int64(1) << 60

const (
	isSeen = 1 << iota
	isRead
	isArchived
)

// twinInfo is what an item has of the board, or of the record that made it.
type twinInfo struct {
	place uint64
	cat   string
	exp   int64
}

type twinItem struct {
	flags       int
	v           uint64
	aud         string
	info        *twinInfo // nil where the board has it
	until       int64
	shown, back uint64
	muted       bool
}

func (e *twinItem) wake() bool { return e.until != 0 && e.shown == 0 }

type twinGone struct {
	v, q uint64
	aud  string
}

// twinRow is the row of one user, folded from the words of the design as plainly as can
// be: it shares no code with the package.
type twinRow struct {
	e             int
	base, v, hz   uint64
	it            map[uint64]twinItem
	rem           []twinGone
	topics, muted map[string]bool
	joined        bool
}

func newTwinRow() *twinRow {
	return &twinRow{it: map[uint64]twinItem{}, topics: map[string]bool{}, muted: map[string]bool{}}
}

func (r *twinRow) clone() *twinRow {
	n := *r
	n.it, n.rem, n.topics, n.muted = maps.Clone(r.it), slices.Clone(r.rem), maps.Clone(r.topics), maps.Clone(r.muted)
	return &n
}

func (r *twinRow) drop(q, ver uint64) {
	r.rem = append(r.rem, twinGone{ver, q, r.it[q].aud})
	delete(r.it, q)
}

// trim has the user's own removals and those of notices each have a room of their own.
func (r *twinRow) trim(keep int, ver uint64) {
	for _, shared := range []bool{false, true} {
		is := func(g twinGone) bool { return (g.aud != "") == shared }
		n := 0
		for _, g := range r.rem {
			n += bit(is(g))
		}
		for ; n > keep; n-- {
			i := slices.IndexFunc(r.rem, is)
			if r.rem[i].v >= ver {
				break
			}
			r.hz = max(r.hz, r.rem[i].v)
			r.rem = slices.Delete(slices.Clone(r.rem), i, i+1)
		}
	}
}

// concerned are the audiences that concern a stored row until its next own record. They
// depend on the stored row alone, so that a stamp has them.
func (r *twinRow) concerned(b *twinNotices, m mutation) map[string]bool {
	out := map[string]bool{"all": true}
	for a := range r.topics {
		out[a] = true
	}
	for q, e := range r.it {
		if e.aud == "" {
			continue
		}
		if m == 24 {
			if _, live := b.live[q]; !live {
				continue
			}
		}
		out[e.aud] = true
	}
	return out
}

func (r *twinRow) entered(ver uint64, aud string, info *twinInfo, cat string, m mutation) twinItem {
	e := twinItem{v: ver, aud: aud, info: info}
	if r.muted[cat] && m != 22 {
		e.flags, e.muted = isArchived|isRead|isSeen, true
	}
	return e
}

// twinEvent is of a kind: 0 goes out, 1 is a horizon, 2 comes in.
type twinEvent struct {
	place uint64
	kind  int
	q     uint64
	aud   string
	cat   string
}

// advance is the row with the events that concern it, after its version and before the
// given one.
func (r *twinRow) advance(b *twinNotices, before uint64, keep int, now int64, m mutation) *twinRow {
	con, v0, n := r.concerned(b, m), r.v, r.clone()
	n.e = b.e
	if m != 8 {
		n.base = b.base
	}
	var ev []twinEvent
	known := map[uint64]bool{}
	add := func(e twinEvent) {
		if v0 < e.place && e.place < before && con[e.aud] {
			ev = append(ev, e)
		}
	}
	for q, e := range b.live {
		add(twinEvent{e.place, 2, q, e.aud, e.cat})
	}
	for a := range con {
		add(twinEvent{b.horizon(a, m), 1, 0, a, ""})
	}
	for _, g := range b.gone {
		known[g.q] = true
		add(twinEvent{g.went, 0, g.q, g.aud, ""})
		add(twinEvent{g.came, 2, g.q, g.aud, ""})
	}
	slices.SortFunc(ev, func(x, y twinEvent) int {
		first := 0
		if m == 14 {
			first = cmp.Compare(bit(x.kind != 1), bit(y.kind != 1))
		}
		return cmp.Or(first, cmp.Compare(x.place, y.place), cmp.Compare(x.kind, y.kind), cmp.Compare(x.q, y.q))
	})
	for _, e := range ev {
		member := e.aud == "all" || n.topics[e.aud]
		if m == 14 && e.place < n.v || m == 16 && !n.concerned(b, m)[e.aud] {
			continue
		}
		switch e.kind {
		case 0:
			if _, ok := n.it[e.q]; ok {
				n.drop(e.q, e.place)
			} else if m == 7 || m == 10 && !member {
				continue
			}
		case 1: // what the board forgot since; the rest goes by its own event
			for q, it := range n.it {
				if _, live := b.live[q]; it.aud == e.aud && !live && (m == 13 || !known[q]) {
					delete(n.it, q)
				}
			}
			n.hz = max(n.hz, e.place)
		default:
			if member || m == 15 {
				ver := e.place
				if m == 11 {
					ver = e.q
				}
				n.it[e.q] = n.entered(ver, e.aud, nil, e.cat, m)
			} else if m == 10 {
				continue
			}
		}
		n.v = e.place
		n.trim(keep, e.place)
	}
	if m == 20 && now != 0 {
		for _, q := range sorted(n.it) {
			if n.it[q].aud != "" && b.at(q).exp <= now {
				n.drop(q, n.v)
			}
		}
	}
	return n
}

func (r *twinRow) info(b *twinNotices, q uint64) twinInfo {
	if i := r.it[q].info; i != nil {
		return *i
	}
	return b.at(q).twinInfo
}

// fold folds a user's own record into the advanced row, in place. B is nil where all has been copied.
func (r *twinRow) fold(b *twinNotices, rec *record, m mutation) (fx []effect) {
	ver, t := rec.ver, rec.t
	if b == nil {
		m = 0
	}
	drop := func(q uint64) {
		if r.it[q].aud == "" { // a shared entry yields no content and no tombstone
			fx = append(fx, effect{key: contentKey{rec.user, q}})
		}
		r.drop(q, ver)
	}
	for _, q := range sorted(r.it) {
		if r.info(b, q).exp <= t {
			drop(q)
		}
	}
	for q, e := range r.it {
		if e.wake() && e.until <= t {
			e.v, e.shown = ver, ver
			r.it[q] = e
		}
	}
	hidden := func(q uint64) bool { return r.it[q].until > t && r.it[q].shown == 0 }
	switch rec.kind {
	case "notify":
		if rec.exp > t {
			r.it[ver] = r.entered(ver, "", &twinInfo{ver, rec.cat, rec.exp}, rec.cat, 0)
			fx = append(fx, effect{true, contentKey{rec.user, ver}})
		}
	case "subscribe":
		r.topics[rec.aud] = true
	case "unsubscribe":
		delete(r.topics, rec.aud)
	case "mute":
		r.muted[rec.cat] = true
	case "unmute":
		delete(r.muted, rec.cat)
	case "snooze":
		if e, ok := r.it[rec.seq]; ok && r.info(b, rec.seq).exp > rec.until && (m != 30 || e.aud == "") {
			r.it[rec.seq] = twinItem{v: ver, aud: e.aud, info: e.info, until: rec.until, back: e.back}
		}
	case "join", "erase": // the first of either; erase takes the user's own items and topics as well
		for _, q := range sorted(r.it) {
			if rec.kind == "erase" || !r.joined && r.it[q].aud != "" && m != 9 {
				drop(q)
			}
		}
		r.joined = true
		if rec.kind == "erase" {
			clear(r.topics)
			clear(r.muted)
		}
	default:
		r.command(b, rec, m, hidden, drop)
	}
	var own []uint64
	for _, q := range sorted(r.it) {
		if (r.it[q].aud == "" || m == 4) && !hidden(q) {
			own = append(own, q)
		}
	}
	slices.SortFunc(own, func(p, q uint64) int {
		x, y := r.it[p], r.it[q]
		return cmp.Or(cmp.Compare(bit(y.muted), bit(x.muted)), cmp.Compare(max(r.info(b, p).place, x.shown), max(r.info(b, q).place, y.shown)), cmp.Compare(x.until, y.until), cmp.Compare(p, q))
	})
	for _, q := range own[:max(0, len(own)-twinCap)] {
		drop(q)
	}
	r.v = ver
	r.trim(twinKeep, ver)
	return fx
}

func (r *twinRow) command(b *twinNotices, rec *record, m mutation, hidden func(uint64) bool, drop func(uint64)) {
	for _, q := range sorted(r.it) {
		e := r.it[q]
		if rec.upTo == 0 && q != rec.seq {
			continue
		}
		if up := min(rec.upTo, rec.ver-1); rec.upTo != 0 {
			info := r.info(b, q)
			place := max(info.place, e.shown)
			if m == 19 {
				place = q
			}
			if rec.kind == "unread" || rec.kind == "unarchive" || place > up || e.back > up || hidden(q) || e.flags&isArchived != 0 || rec.cat != "" && info.cat != rec.cat {
				continue
			}
		}
		g := e.flags
		switch rec.kind {
		case "seen":
			g |= isSeen
		case "read":
			g |= isRead | isSeen
		case "unread":
			g &^= isRead
		case "archive":
			g |= isArchived
		case "unarchive":
			g &^= isArchived
		case "delete":
			drop(q)
			continue
		}
		if g == e.flags {
			continue
		}
		if e.flags&^g&isArchived != 0 {
			e.muted = false
			if m != 25 || e.aud == "" {
				e.back = rec.ver
			}
		}
		e.flags, e.v = g, rec.ver
		r.it[q] = e
	}
}

// instants is how many of its instants have passed.
func (e *twinItem) instants(exp, now int64, m mutation) int {
	return bit(exp <= now) + bit(e.wake() && e.until <= now && (m != 18 || exp > now))
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// placed is where an item is listed.
func placed(place uint64, until int64, shown uint64) uint64 {
	if until != 0 && shown == 0 {
		return math.MaxUint64/2 + uint64(until)
	}
	return max(place, shown)
}
