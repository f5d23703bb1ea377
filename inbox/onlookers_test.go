package inbox_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// look is an item as a client has it.
type look struct {
	seq, ver, shown  uint64
	until            int64
	read, seen, away bool
	count, people    int
	more             bool
	latest           string // ids of the latest people, each with the arrival whose content has it
}

// actors are those of the histories, by hash.
var actors = func() map[uint64]string {
	out := map[uint64]string{}
	for _, id := range strings.Split("xyzuvw", "") {
		out[inbox.ActorHash(belfry.Actor{ID: id})] = id
	}
	return out
}()

func lookAt(e *inbox.Entry) look {
	l := look{e.Seq, e.Version, e.Shown, e.Until, e.Read, e.Seen, e.Archived, int(e.Count), 0, false, ""}
	if e.Collapse != 0 {
		p := e.People()
		l.people, l.more = p.Count, p.More
		for _, a := range p.Latest {
			l.latest += fmt.Sprint(cmp.Or(a.ID, actors[a.Hash]), a.Seq, " ")
		}
	}
	return l
}

func (t *twin) look(e *twinItem) look {
	l := look{e.seq(), e.ver, e.shown, e.until, e.read, e.seen, e.away, e.count, 0, false, ""}
	if e.key != "" {
		people := map[string]bool{}
		for i, m := range slices.Backward(e.mem) {
			if !people[m.actor] && len(people) < 3 && (t.mut != 29 || len(e.mem)-i <= 3) {
				l.latest += fmt.Sprint(m.actor, m.seq, " ")
			}
			people[m.actor] = true
		}
		l.people, l.more = len(people), e.count > len(e.mem)
	}
	return l
}

// above is the order of lists, from what a client has of the items.
func above(a, b look) int {
	place := func(l look) uint64 {
		if l.until != 0 && l.shown == 0 {
			return math.MaxUint64
		}
		return max(l.seq, l.shown)
	}
	return -cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.until, b.until), cmp.Compare(a.seq, b.seq))
}

// delta is what a batch tells.
type delta struct {
	items   []look
	flags   map[uint64][3]bool // read, seen, archived
	removed map[uint64]bool
}

func (d *delta) String() string {
	return fmt.Sprintf("%+v, flags %v, removed %v", d.items, d.flags, d.removed)
}

// since is what the row tells.
func since(s *inbox.State, cursor uint64, now int64) (*delta, bool) {
	c, ok := s.Since(cursor, ms(now))
	if !ok {
		return nil, false
	}
	out := &delta{flags: map[uint64][3]bool{}, removed: map[uint64]bool{}}
	for _, e := range c.Items {
		out.items = append(out.items, lookAt(e))
	}
	for _, seqs := range [][]uint64{c.Read, c.Unread} {
		for _, seq := range seqs {
			read := slices.Contains(c.Read, seq)
			out.flags[seq] = [3]bool{read, read || slices.Contains(c.Seen, seq), slices.Contains(c.Archived, seq)}
		}
	}
	for _, seq := range c.Removed {
		out.removed[seq] = true
	}
	return out, true
}

// since is what the twin would tell.
func (t *twin) since(cursor uint64, now int64) (*delta, bool) {
	if cursor < t.horizon {
		return nil, false
	}
	out := &delta{flags: map[uint64][3]bool{}, removed: map[uint64]bool{}}
	for _, g := range t.removals {
		if g.ver > cursor && g.seq != 0 {
			out.removed[g.seq] = true
		}
	}
	for _, e := range t.sorted() {
		cut := e.cut
		if t.mut == 14 {
			cut = 0
		}
		switch {
		case e.expired(now):
			out.removed[e.seq()] = true
		case e.hidden(now):
			if e.ver > cursor && t.mut != 6 {
				out.removed[e.seq()] = true
			}
		case e.woken(now) && (t.mut != 7 || e.ver > cursor), e.ver > cursor && max(e.seq(), e.back, e.shown, cut) > cursor:
			out.items = append(out.items, t.look(e))
		case e.ver > cursor:
			out.flags[e.seq()] = [3]bool{e.read, e.seen, e.away}
		}
	}
	return out, true
}

// x is how many instants have passed that the row still holds.
func (t *twin) x(now int64) (n int) {
	for _, e := range t.items {
		n += bit(e.expired(now)) + bit(e.woken(now) || t.mut == 5 && 0 < e.until && e.until <= now)
	}
	return n
}

// listed are what is shown and not archived, and what is archived.
func (t *twin) listed(now int64) (list []look, archived []uint64, unread int) {
	for _, e := range t.sorted() {
		switch {
		case e.hidden(now) || e.expired(now):
		case e.away:
			archived = append(archived, e.seq())
		default:
			list = append(list, t.look(e))
			unread += bit(!e.read)
		}
	}
	slices.SortFunc(list, func(a, b look) int {
		if t.mut == 16 {
			a.until, b.until = min(a.until, 0), min(b.until, 0)
		}
		return above(a, b)
	})
	return list, archived, unread
}

// page lists a row, all of it.
func page(s *inbox.State, status inbox.Status, now int64) (out []look) {
	entries, _ := s.Page(inbox.PageQuery{Status: status, Limit: inbox.MaxCap, Born: true}, ms(now))
	for _, e := range entries {
		out = append(out, lookAt(e))
	}
	return out
}

// stamp is what a batch or list is of.
type stamp struct {
	version uint64
	x       int
}

func stampOf(s *inbox.State, now int64) stamp { return stamp{s.Version, s.Passed(ms(now))} }

func (a stamp) before(b stamp) bool {
	return a.version < b.version || a.version == b.version && a.x < b.x
}

// onlooker is a client with a list, and a stream from a server.
type onlooker struct {
	items   map[uint64]look
	stamp   stamp
	counted stamp
	unread  int

	streams     bool
	server      int
	told        uint64
	woken, gone map[uint64]bool
	sent        map[[2]uint64]bool
}

// list takes the whole list of a row, unless it has a newer one.
func (c *onlooker) list(s *inbox.State, now int64) {
	if stampOf(s, now).before(c.stamp) {
		return
	}
	c.items = map[uint64]look{}
	for _, l := range append(page(s, inbox.StatusAll, now), page(s, inbox.StatusArchived, now)...) {
		c.items[l.seq] = l
	}
	c.stamp = stampOf(s, now)
	c.count(s, now, 0)
}

// count takes an unread object, which has an order of its own.
func (c *onlooker) count(s *inbox.State, now int64, mut mutation) {
	if at := stampOf(s, now); !at.before(c.counted) {
		c.counted, c.unread = at, s.Counts(ms(now)).Unread
		if mut == 22 && c.stamp.before(at) {
			c.stamp = at
		}
	}
}

// connect opens a stream that tells what came after the list.
func (c *onlooker) connect(server int) {
	c.streams, c.server, c.told = true, server, c.stamp.version
	c.forget()
}

func (c *onlooker) forget() {
	c.woken, c.gone, c.sent = map[uint64]bool{}, map[uint64]bool{}, map[[2]uint64]bool{}
}

// step sends what a server's row has to tell. It returns the version that the client
// must list again, 0 for none, and whether something was told twice.
func (c *onlooker) step(s *inbox.State, now int64, mut mutation) (resync uint64, twice bool) {
	if s.Version < c.told {
		return 0, false
	}
	d, ok := since(s, c.told, now)
	if !ok {
		c.told = s.Version
		c.forget()
		return s.Version, false
	}
	moved := s.Version > c.told
	if moved && mut != 12 && mut != 26 {
		c.forget()
	}
	d.items = slices.DeleteFunc(d.items, func(l look) bool {
		return c.woken[l.seq] && mut != 21 && (mut != 26 || l.ver <= c.told)
	})
	for seq := range c.gone {
		delete(d.removed, seq)
	}
	c.woken, c.gone = map[uint64]bool{}, map[uint64]bool{}
	for i := range s.Items {
		e := &s.Items[i]
		if e.Expired(ms(now)) {
			c.gone[e.Seq] = true
		} else if e.Woken(ms(now)) {
			c.woken[e.Seq] = true
		}
	}
	c.told = s.Version
	for _, l := range d.items {
		twice = twice || c.sent[[2]uint64{l.seq, l.ver}]
		c.sent[[2]uint64{l.seq, l.ver}] = true
	}
	if moved || len(d.items)+len(d.flags)+len(d.removed) > 0 {
		c.take(d, s, now)
	}
	return 0, twice
}

// take applies a batch, unless the list is newer.
func (c *onlooker) take(d *delta, s *inbox.State, now int64) {
	if stampOf(s, now).before(c.stamp) {
		return
	}
	for _, l := range d.items {
		if have, ok := c.items[l.seq]; !ok || have.ver < l.ver {
			c.items[l.seq] = l
		}
	}
	for seq, f := range d.flags {
		if have, ok := c.items[seq]; ok {
			have.read, have.seen, have.away = f[0], f[1], f[2]
			c.items[seq] = have
		}
	}
	for seq := range d.removed {
		delete(c.items, seq)
	}
	c.stamp = stampOf(s, now)
	c.count(s, now, 0)
}

// screen is what the client shows. A flag does not tell the version it came with.
func (c *onlooker) screen() []look {
	out := slices.SortedFunc(maps.Values(c.items), above)
	return slices.DeleteFunc(out, func(l look) bool { return l.away })
}

func withoutVersions(items []look) []look {
	out := slices.Clone(items)
	for i := range out {
		out[i].ver = 0
	}
	return out
}

func unreadOf(items []look) (n int) {
	for _, l := range items {
		n += bit(!l.read)
	}
	return n
}
