package board_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
)

// side is a way to take boards in late: that of the package, or the twin. Rows and boards are
// its own; nil is no row.
type side interface {
	empty() any // a board
	begin(board any, epoch int, base uint64) any
	// notices folds a record of the board, or has its effects again.
	notices(board any, r *record) (any, []effect)
	// user folds a record of a user, or has its effects again.
	user(row, board any, r *record) (any, []effect)
	version(row any) uint64
	boardVersion(board any) uint64
	// held are the seqs whose contents must be there, and those that went.
	held(row any) (held, gone map[uint64]bool)
	boardHeld(board any) (held, gone map[uint64]bool)

	show(row, board any, now int64) shown
	stamp(row, board any, now int64) (version uint64, x int)
}

// shown is what a reader has of a row.
type shown struct {
	epoch   int
	base, v uint64
	hz      uint64
	items   map[uint64]twinItem
	gone    map[twinGone]bool // without audiences
	list    []listed
	x       int
	since   func(cursor uint64) *told
}

type listed struct {
	place, q, v uint64
	flags       int
	cat         string
}

// state are the flags and the version that a client knows of an item.
type state struct {
	flags int
	v     uint64
}

// told is what a client with a cursor is told; nil is a resync.
type told struct {
	items, states map[uint64]state
	gone          map[uint64]bool
}

// entry of the table's log: a row, or the board of user "".
type entry struct {
	user  string
	value any
	t     int64
	start int // the first record that may not be in it
}

// world is one history, the owner who folds it with crashes, readers of every prefix of
// the table's log, and clients that live on deltas.
type world struct {
	*rand.Rand
	side
	mut      mutation
	hist     []moment
	b        any
	rows     map[string]any
	log      []entry
	live     map[contentKey]bool
	puts     []put
	pending  []tombstone
	acked    int
	lists    map[string]string // what (user, epoch, version, x) stands for
	notice   map[uint64]bool
	pos, top int
	first    int

	checks, crashes, deltas, resyncs int
}

type put struct {
	pos int
	key contentKey
}

// tombstone is written once so much of the log is acknowledged.
type tombstone struct {
	after int
	key   contentKey
	start int
}

// play returns what differs in the world of that seed, "" for nothing.
func play(seed uint64, s side, mut mutation) (w *world, diff string) {
	defer func() {
		if r := recover(); r != nil {
			text, ok := r.(failure)
			if !ok {
				panic(r)
			}
			diff = string(text)
		}
	}()
	w = &world{Rand: rand.New(rand.NewPCG(seed, 21)), side: s, mut: mut, rows: map[string]any{}, live: map[contentKey]bool{}, lists: map[string]string{}, notice: map[uint64]bool{}}
	w.hist = history(w.Rand, 60)
	w.b = w.empty()
	w.log, w.acked = []entry{{"", w.b, 100, 0}}, 1
	for w.pos < len(w.hist) {
		w.group()
	}
	w.read()
	return w, ""
}

// group folds records up to the next barrier, with one write a row. A crash loses what was not
// acknowledged: rows, contents, tombstones. The next owner starts from the log, or on the
// same host from a store that is ahead of it; records come again either way.
func (w *world) group() {
	start, work, dirty, dels := w.pos, maps.Clone(w.rows), []string{}, []contentKey{}
	size, barrier := 1+w.IntN(7), false
	for w.pos < min(start+size, len(w.hist)) && !barrier {
		m := &w.hist[w.pos]
		barrier = m.barrier()
		if barrier && len(dirty) > 0 && (w.mut != 1 || m.kind == "epoch") {
			barrier = false // what is before it is handed over first
			break
		}
		if m.kind == "epoch" {
			w.epoch(m)
			start = w.pos
			w.compare(w.pos-1, work)
			break
		}
		var fx []effect
		if barrier {
			if w.mut != 1 && w.mut != 31 {
				w.ack(0) // and acknowledged; so is the board's row before anything after it is folded
			}
			w.notice[m.ver] = true
			w.b, fx = w.notices(w.b, &m.record)
			w.log = append(w.log, entry{"", w.b, m.t, start})
		} else {
			work[m.user], fx = w.user(work[m.user], w.b, &m.record)
			if !slices.Contains(dirty, m.user) {
				dirty = append(dirty, m.user)
			}
		}
		for _, f := range fx {
			switch {
			case f.put:
				w.live[f.key] = true
				w.puts = append(w.puts, put{w.pos, f.key})
			case f.key.who != "__" && w.notice[f.key.q]:
				fail("a tombstone of %v, which is a notice", f.key)
			default:
				dels = append(dels, f.key)
			}
		}
		w.compare(w.pos, work)
		w.pos++
		if w.mut == 1 {
			barrier = false
		}
	}
	w.handOver(start, work, dirty, dels, barrier)
}

// handOver writes the rows of a group, or crashes on the way.
func (w *world) handOver(start int, work map[string]any, dirty []string, dels []contentKey, barrier bool) {
	w.Shuffle(len(dirty), func(i, j int) { dirty[i], dirty[j] = dirty[j], dirty[i] })
	crash := w.Float64() < .12
	w.top = max(w.top, w.pos)
	if crash {
		dirty = dirty[:w.IntN(len(dirty)+1)]
	}
	for _, u := range dirty {
		if w.mut != 32 || work[u] != w.rows[u] {
			w.rows[u] = work[u]
			w.log = append(w.log, entry{u, work[u], w.hist[w.pos-1].t, start})
		}
	}
	if !crash {
		for _, key := range dels {
			w.pending = append(w.pending, tombstone{len(w.log), key, start})
		}
		behind := w.IntN(5)
		if barrier && w.mut != 1 && w.mut != 31 {
			behind = 0
		}
		if w.ack(behind); w.pos == w.top {
			w.contents()
		}
		return
	}
	w.crashes++
	cut := w.acked + w.IntN(len(w.log)-w.acked+1)
	w.acked, w.pos = cut, start
	for _, e := range w.log[cut:] {
		w.pos = min(w.pos, e.start)
	}
	for _, t := range w.pending {
		w.pos = min(w.pos, t.start)
	}
	w.pending, w.log = nil, w.log[:cut]
	for _, p := range w.puts {
		if p.pos >= w.pos && w.IntN(2) == 0 {
			delete(w.live, p.key)
		}
	}
	w.pos = max(w.first, w.pos-w.IntN(7))
	if w.IntN(2) == 0 {
		w.rows = map[string]any{}
		for _, e := range w.log {
			if e.user == "" {
				w.b = e.value
			} else {
				w.rows[e.user] = e.value
			}
		}
	}
}

func (w *world) epoch(m *moment) {
	top := w.boardVersion(w.b)
	for _, r := range w.rows {
		top = max(top, w.version(r))
	}
	w.b = w.begin(w.b, m.epoch, (top+epochStep-1)/epochStep*epochStep)
	w.log = append(w.log, entry{"", w.b, m.t, w.pos})
	w.ack(0)
	w.pos++
	w.top = max(w.top, w.pos)
	w.first = w.top
}

func (w *world) ack(behind int) {
	w.acked = max(w.acked, len(w.log)-behind)
	w.pending = slices.DeleteFunc(w.pending, func(t tombstone) bool {
		if t.after <= w.acked {
			delete(w.live, t.key)
		}
		return t.after <= w.acked
	})
}

// contents holds that what is held has its content. What has one and is not held is an
// orphan whose removal was trimmed: the sweep's.
func (w *world) contents() {
	on := map[contentKey]bool{}
	for _, t := range w.pending {
		on[t.key] = true
	}
	check := func(who string, held, gone map[uint64]bool) {
		w.checks++
		for q := range held {
			if key := (contentKey{who, q}); !w.live[key] || on[key] {
				fail("the content of %v is missing", key)
			}
		}
		for key := range w.live {
			if key.who != who || held[key.q] || on[key] {
				continue
			}
			if gone[key.q] {
				fail("the content of %v is left", key)
			}
			delete(w.live, key)
		}
	}
	for u, r := range w.rows {
		held, gone := w.held(r)
		check(u, held, gone)
	}
	held, gone := w.boardHeld(w.b)
	check("__", held, gone)
}

// same holds that equal stamps are equal lists.
func (w *world) same(who, user string, epoch int, v uint64, x int, list []listed) {
	w.checks++
	key, text := fmt.Sprint(user, epoch, v, x), fmt.Sprint(list)
	if other, ok := w.lists[key]; ok && other != text {
		fail("%s: user %s, epoch %d, version %d, x %d stands for %s and for %s", who, user, epoch, v, x, text, other)
	}
	w.lists[key] = text
}

// compare holds the late rows against the eager ones.
func (w *world) compare(i int, work map[string]any) {
	m := &w.hist[i]
	if w.boardVersion(w.b) > m.ver {
		return // records folded again on a state that is ahead
	}
	for _, u := range users {
		row := work[u]
		if row != nil && w.version(row) > m.ver {
			continue
		}
		now := m.t + pick[int64](w.Rand, -6, 0, 9)
		w.checks++
		late, want := w.show(row, w.b, now), m.rows[u].reader(m.board, now, 0)
		want.epoch, want.base, want.hz = m.epoch, m.board.base, max(want.hz, m.away[u])
		where := fmt.Sprintf("record %d, %+v, user %s", i, m.record, u)
		if late.epoch != want.epoch || late.base != want.base || late.v != want.v || late.hz != want.hz {
			fail("%s: epoch, base, version, horizon are %d %d %d %d, want %d %d %d %d", where, late.epoch, late.base, late.v, late.hz, want.epoch, want.base, want.v, want.hz)
		}
		if !reflect.DeepEqual(late.items, want.items) {
			fail("%s: items %+v, want %+v", where, late.items, want.items)
		}
		old := func(g twinGone, _ bool) bool { return g.v <= late.hz }
		maps.DeleteFunc(late.gone, old)
		maps.DeleteFunc(want.gone, old)
		if !maps.Equal(late.gone, want.gone) {
			fail("%s: removals %v, want %v", where, late.gone, want.gone)
		}
		w.same("the eager one", u, m.epoch, want.v, want.x, want.list)
		if v, x := w.stamp(row, w.b, now); v != late.v || x != late.x {
			fail("%s: stamp is %d %d, of the advanced row %d %d", where, v, x, late.v, late.x)
		}
		for c := uint64(max(0, int64(m.ver)-12)); c <= m.ver; c += 3 {
			want := want.since(c)
			if c < m.away[u] {
				want = nil
			}
			if got := late.since(c); !reflect.DeepEqual(got, want) {
				fail("%s: since %d it is told %+v, want %+v", where, c, got, want)
			}
		}
	}
}

// client holds a list that it keeps by deltas.
type client struct {
	epoch  int
	cursor uint64
	items  map[uint64]state
}

// read has readers of every prefix of the table's log, one of which goes through all of
// them and must never go back, and clients that look now and then.
func (w *world) read() {
	var b any
	rows, now0, top := map[string]any{}, int64(0), map[string]uint64{}
	clients := map[string]*[2]client{}
	for _, u := range users {
		clients[u] = &[2]client{}
	}
	for _, e := range w.log {
		of := []string{e.user}
		if e.user == "" {
			b, of = e.value, users
		} else {
			rows[e.user] = e.value
		}
		now0 = max(now0, e.t)
		for _, u := range of {
			for _, now := range []int64{now0 - 6, now0, now0 + 9} {
				l := w.show(rows[u], b, now)
				w.same("a reader", u, l.epoch, l.v, l.x, l.list)
				if l.v < top[u] {
					fail("user %s: version went back from %d to %d", u, top[u], l.v)
				}
				top[u] = l.v
			}
			for k, often := range []float64{.6, .12} {
				if w.Float64() < often {
					w.look(u, &clients[u][k], rows[u], b, now0)
				}
			}
		}
	}
}

// look has a client that lists what is not archived catch up.
func (w *world) look(user string, c *client, row, b any, now int64) {
	l := w.show(row, b, now)
	w.checks++
	full := map[uint64]state{}
	for _, e := range l.list {
		if e.flags&isArchived == 0 {
			full[e.q] = state{e.flags, e.v}
		}
	}
	var d *told
	if c.epoch == l.epoch {
		d = l.since(c.cursor)
	}
	before := c.cursor
	if c.epoch, c.cursor = l.epoch, l.v; d == nil {
		w.resyncs++
		c.items = full
		return
	}
	w.deltas++
	for q := range d.gone {
		delete(c.items, q)
	}
	for q, s := range d.states {
		if _, ok := c.items[q]; ok {
			c.items[q] = s
		}
	}
	maps.Copy(c.items, d.items)
	maps.DeleteFunc(c.items, func(_ uint64, s state) bool { return s.flags&isArchived != 0 })
	if !maps.Equal(c.items, full) {
		fail("user %s: a client that went from %d to %d holds %v, the list is %v", user, before, l.v, c.items, full)
	}
}
