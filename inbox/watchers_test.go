package inbox_test

import (
	"slices"
	"testing"

	"github.com/belfry/belfry/inbox"
)

// look lets the clients list, stream, poll and mark all.
func (w *hiding) look(off int64) {
	for _, c := range w.clients {
		if !c.streams || w.Float64() < .15 {
			if c.stamp.version == 0 {
				c.list(w.at(w.IntN(3)))
			}
			c.connect(w.IntN(3))
		}
		for range w.IntN(3) {
			w.step(c)
			if off == 0 && c.counted == c.stamp && c.unread != unreadOf(c.screen()) {
				w.fail("where all clocks agree a client's badge is %d and its list %+v", c.unread, c.screen())
			}
		}
		if w.Float64() < .1 {
			c.list(w.at(w.IntN(3)))
		}
		if w.Float64() < .15 { // the answer to an action
			row, now := w.at(w.IntN(3))
			c.count(row, now, w.mut)
		}
		if w.Float64() < .12 && c.stamp.version != 0 {
			w.press(c)
		}
	}
}

// step takes what a client's stream has to tell, and lists again where that says so.
func (w *hiding) step(c *onlooker) {
	row, now := w.at(c.server)
	resync, twice := c.step(row, now, w.mut)
	if twice {
		w.fail("a stream tells an item twice")
	}
	if resync == 0 {
		return
	}
	s := &w.servers[w.IntN(3)]
	i := slices.IndexFunc(w.rows, func(r inbox.State) bool { return r.Version >= resync })
	s.row = max(s.row, []int{i, len(w.rows) - 1}[w.IntN(2)])
	c.list(&w.rows[s.row], w.now+s.clock)
}

// press marks all on a client's screen: by its version, and by seq what is not settled.
func (w *hiding) press(c *onlooker) {
	r := tracedRecord{Kind: []string{"seen", "read", "read", "archive", "delete"}[w.IntN(5)], Up: c.stamp.version, Cat: []string{"", "", "a"}[w.IntN(3)]}
	for _, l := range c.screen() {
		if l.until != 0 && l.shown == 0 && (r.Cat == "" || r.Cat == w.category(l.seq)) {
			r.Seqs = append(r.Seqs, l.seq)
		}
	}
	w.pressed = append(w.pressed, r)
}

func (w *hiding) category(seq uint64) string {
	for _, p := range w.past {
		if p.version == seq {
			return p.record.Cat
		}
	}
	return ""
}

// soon reports whether the servers' clocks disagree on what the row shows.
func (w *hiding) soon() bool {
	return slices.ContainsFunc(w.last().Items, func(e inbox.Entry) bool {
		near := func(at int64) bool { return w.now-skew < at && at <= w.now+skew }
		return near(e.Until) || near(e.ExpiresAt)
	})
}

// settled brings all servers to the last row: then every client shows what a list does.
func (w *hiding) settled() {
	for i := range w.servers {
		w.servers[i].row = len(w.rows) - 1
	}
	want := withoutVersions(page(w.last(), inbox.StatusAll, w.now))
	unread := w.last().Counts(ms(w.now)).Unread
	for _, c := range w.clients {
		if !c.streams {
			continue
		}
		w.step(c)
		w.step(c)
		if got := withoutVersions(c.screen()); !slices.Equal(got, want) || c.unread != unread {
			w.fail("a client shows %+v and %d unread, want %+v and %d", got, c.unread, want, unread)
		}
	}
}

// turn lists the next page of two at some server: what is listed throughout is on one.
func (w *hiding) turn() {
	p := &w.pager
	there := map[uint64]bool{}
	early, late := page(w.last(), inbox.StatusAll, w.now-skew), page(w.last(), inbox.StatusAll, w.now+skew)
	for _, l := range early {
		there[l.seq] = slices.ContainsFunc(late, func(o look) bool { return o.seq == l.seq })
	}
	if r := &w.past[len(w.past)-1].record; r.Kind == "snooze" || r.Kind == "unsnooze" {
		for _, seq := range r.Seqs {
			delete(there, seq)
		}
	}
	switch {
	case p.open:
		for seq := range p.stay {
			p.stay[seq] = p.stay[seq] && there[seq]
		}
	case w.Float64() < .3:
		*p = pager{open: true, from: w.last().Version, got: map[uint64]bool{}, stay: there}
	}
	if !p.open || w.Float64() < .4 {
		return
	}
	before, err := inbox.ParsePlace(&inbox.PageQuery{}, p.next)
	if err != nil {
		w.fail("next is %q: %v", p.next, err)
	}
	row, now := w.at(w.IntN(3))
	if w.mut == 17 {
		before = inbox.Place{Place: before.Seq, Seq: before.Seq}
	}
	// The page waits for the version of the one before it.
	if p.next != "" {
		p.from = before.Cursor.Version
	}
	if row.Version < p.from && (w.mut != 25 || p.next == "") {
		row = &w.rows[slices.IndexFunc(w.rows, func(r inbox.State) bool { return r.Version >= p.from })]
	}
	entries, next := row.Page(inbox.PageQuery{Limit: 2, Before: before}, ms(now))
	for _, e := range entries {
		p.got[e.Seq] = true
	}
	if p.next = next.String(); p.next != "" {
		return
	}
	p.open = false
	for seq, stayed := range p.stay {
		if stayed && !p.got[seq] {
			w.fail("pages skip %d", seq)
		}
	}
}

// worlds is how many worlds are tried.
const worlds = 120

// TestHidingAgainstTwin drives rows through random histories of scheduled, snoozed, muted
// and collapsed items, at servers and clients whose clocks and rows differ, and holds
// rows, effects, lists, badges, deltas, pages and clients against the twin.
func TestHidingAgainstTwin(t *testing.T) {
	t.Parallel()
	for seed := range uint64(worlds) {
		if diff := play(t, seed, 0); diff != "" {
			t.Fatalf("world %d: %s", seed, diff)
		}
	}
}

// firstWorld is where the search begins for those that few worlds tell: the world that
// has told them. Where it no longer does, those after it are searched.
var firstWorld = map[mutation]uint64{2: 16, 13: 34, 14: 20, 15: 17, 24: 62, 26: 846}

// TestWorldsTellMutations holds that the worlds tell every rule that is wrong.
func TestWorldsTellMutations(t *testing.T) {
	t.Parallel()
	for mut, what := range mutations {
		if mut == 0 {
			continue
		}
		t.Run(what, func(t *testing.T) {
			first := firstWorld[mutation(mut)]
			for seed := first; seed < first+10*worlds; seed++ {
				if diff := play(t, seed, mutation(mut)); diff != "" {
					t.Logf("world %d: %.300s", seed, diff)
					return
				}
			}
			t.Error("not told")
		})
	}
}
