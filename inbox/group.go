package inbox

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/belfry/belfry"
)

// Group is what an item of a collapse key keeps of the arrivals it stands for. It is
// never modified: rows share it.
type Group struct {
	Cut   uint64 // version at which an arrival left it that was not the shown one, or 0
	Actor Actor  // of the shown arrival
	// Earlier are the arrivals before the shown one, the oldest first, MaxMembers-1 at
	// most. Their contents live as long as they do.
	Earlier []Member
}

// Member is what an item keeps of an arrival that it has replaced and would show
// again: the fields of its [Entry].
type Member struct {
	Seq       uint64
	Hash      uint64
	ExpiresAt int64
	Category  string
	Priority  belfry.Priority
	Actor     Actor
}

// Actor is who caused an arrival. ID and Name are there for the last three different
// actors of an item alone.
type Actor struct {
	Hash     uint64 // ActorHash, or 0 for nobody
	ID, Name string // at most MaxActorBytes each
}

// newGroup returns nil for a group that holds nothing: rows have one form.
func newGroup(cut uint64, shown Actor, earlier []Member) *Group {
	if cut == 0 && shown == (Actor{}) && len(earlier) == 0 {
		return nil
	}
	return &Group{Cut: cut, Actor: shown, Earlier: earlier}
}

// ActorOf returns who caused a notification, as a row keeps it. An id that is longer than
// that is left out, since a part of it would be somebody else's; a name is cut.
func ActorOf(a belfry.Actor) Actor {
	out := Actor{Hash: ActorHash(a), Name: a.Name}
	if len(a.ID) <= MaxActorBytes {
		out.ID = strings.Clone(a.ID)
	}
	if len(a.Name) > MaxActorBytes {
		n := MaxActorBytes
		for !utf8.RuneStart(a.Name[n]) {
			n--
		}
		out.Name = a.Name[:n]
	}
	out.Name = strings.Clone(out.Name) // the notification may be a part of a batch of records
	return out
}

func (g *Group) cut() uint64 {
	if g == nil {
		return 0
	}
	return g.Cut
}

func (g *Group) actor() Actor {
	if g == nil {
		return Actor{}
	}
	return g.Actor
}

func (g *Group) earlier() []Member {
	if g == nil {
		return nil
	}
	return g.Earlier
}

// member is the shown arrival of e.
func (e *Entry) member() Member {
	return Member{Seq: e.Seq, Hash: e.Hash, ExpiresAt: e.ExpiresAt, Category: e.Category, Priority: e.Priority, Actor: e.Group.actor()}
}

// Earlier returns the arrivals that e keeps besides the shown one, the oldest first, as
// entries of their own with the flags of e.
func (e *Entry) Earlier() []Entry {
	earlier := e.Group.earlier()
	out := make([]Entry, len(earlier))
	for i, m := range earlier {
		out[i] = Entry{
			Seq: m.Seq, Version: e.Version, Hash: m.Hash, Collapse: e.Collapse, Count: 1, ExpiresAt: m.ExpiresAt,
			Category: m.Category, Priority: m.Priority, Read: e.Read, Seen: e.Seen, Archived: e.Archived,
		}
	}
	return out
}

// members returns the arrivals that e keeps, the shown one last, in memory of their own.
func (e *Entry) members() []Member {
	earlier := e.Group.earlier()
	return append(slices.Grow(slices.Clone(earlier), 1), e.member())
}

// setMembers has e keep those arrivals, of which the last one is shown.
func (e *Entry) setMembers(all []Member, cut uint64, gone ...Actor) {
	name(all, gone)
	last := all[len(all)-1]
	e.Seq, e.Hash, e.ExpiresAt, e.Category, e.Priority = last.Seq, last.Hash, last.ExpiresAt, last.Category, last.Priority
	e.Group = newGroup(cut, last.Actor, all[:len(all)-1])
}

// latestActors is how many different actors of an item keep id and name.
const latestActors = 3

// name leaves id and name with the newest arrival of each of the last different actors
// and takes them from all others. Gone are actors of arrivals that have just left, whose
// earlier ones may lack both.
func name(all []Member, gone []Actor) {
	known := slices.Clone(gone)
	for i := range all {
		if a := all[i].Actor; a.ID != "" || a.Name != "" {
			known = append(known, a)
		}
	}
	var named [latestActors]uint64
	n := 0
	for i := len(all) - 1; i >= 0; i-- {
		a := &all[i].Actor
		a.ID, a.Name = "", ""
		if a.Hash == 0 || n == latestActors || slices.Contains(named[:n], a.Hash) {
			continue
		}
		named[n] = a.Hash
		n++
		for j := len(known) - 1; j >= 0; j-- { // the newest name
			if known[j].Hash == a.Hash {
				*a = known[j]
				break
			}
		}
	}
}

// People are those who caused what an item stands for.
type People struct {
	Count  int      // how many different ones, of the arrivals that are kept
	More   bool     // whether there were arrivals that are not kept
	Latest []Person // the last three different ones, the newest first
}

// Person is one of those who caused what an item stands for. Its ID and Name are empty
// where later arrivals were taken back that had a name in its stead: then the content of
// Seq tells both.
type Person struct {
	Actor
	Seq uint64 // the newest arrival of theirs that is kept
}

// People returns who caused what e stands for.
func (e *Entry) People() People {
	earlier := e.Group.earlier()
	p := People{More: int(e.Count) > len(earlier)+1}
	hashes := make([]uint64, 0, len(earlier)+1)
	add := func(a Actor, seq uint64) {
		if a.Hash == 0 || slices.Contains(hashes, a.Hash) {
			return
		}
		hashes = append(hashes, a.Hash)
		if len(p.Latest) < latestActors {
			p.Latest = append(p.Latest, Person{a, seq})
		}
	}
	add(e.Group.actor(), e.Seq)
	for i := len(earlier) - 1; i >= 0; i-- {
		add(earlier[i].Actor, earlier[i].Seq)
	}
	p.Count = len(hashes)
	return p
}

// Held reports whether s holds an item of that seq that is its user's own, or one that
// keeps the arrival of that seq: as long as that is so, its content is there.
func (s *State) Held(seq uint64) bool {
	if e, ok := s.Entry(seq); ok {
		return e.Shared == nil
	}
	for i := range s.Items {
		for j := range s.Items[i].Group.earlier() {
			if s.Items[i].Group.Earlier[j].Seq == seq {
				return true
			}
		}
	}
	return false
}

// Contents yields all seqs that s holds (see [State.Held]), each item's own after those
// that it keeps besides.
func (s *State) Contents() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := range s.Items {
			for _, m := range s.Items[i].Group.earlier() {
				if !yield(m.Seq) {
					return
				}
			}
			if s.Items[i].Shared == nil && !yield(s.Items[i].Seq) {
				return
			}
		}
	}
}

// mate returns the place in Items of what e replaces, -1 for nothing: of those with its
// collapse key, born hidden and muted as it is, and not archived unless muted, the
// visible one of the highest place, else the hidden one of the highest.
func (f *folder) mate(e *Entry) int {
	if e.Collapse == 0 {
		return -1
	}
	best := -1
	for i := range f.s.Items {
		o := &f.s.Items[i]
		if o.Collapse != e.Collapse || o.Seq == e.Seq || o.Born != e.Born || o.Muted != e.Muted || o.Archived && !o.Muted {
			continue
		}
		if best < 0 || f.ahead(o, &f.s.Items[best]) {
			best = i
		}
	}
	return best
}

// ahead reports whether a is visible and b is not, or else a's place is above b's.
func (f *folder) ahead(a, b *Entry) bool {
	if hidden := a.Hidden(f.in.Time); hidden != b.Hidden(f.in.Time) {
		return !hidden
	}
	return a.Compare(b) > 0
}

// join lets e, which is not in Items, take the place of its mate, and what that stands
// for unless it was read: what came since is counted.
func (f *folder) join(e *Entry) {
	at := f.mate(e)
	if at < 0 {
		return
	}
	old := f.s.Items[at]
	f.s.Items = slices.Delete(f.s.Items, at, at+1)
	e.Replaces = old.Seq
	f.handOn(&old, e)
	if f.silent { // nothing silent may take an unread mark away
		e.Read, e.Seen = e.Read && old.Read, e.Seen && old.Seen
	}
	if old.Read {
		for _, m := range old.members() {
			f.leave(&m)
		}
		return
	}
	e.Count += old.Count
	if f.keep() == 1 && old.Group == nil && e.Group == nil {
		f.remember(old.Seq, old.Hash)
		f.effects.Removed = append(f.effects.Removed, old.Seq)
		return
	}
	before := old.members()
	all := append(before, e.members()...)
	over := max(len(all)-f.keep(), 0)
	if over < len(before) {
		f.remember(old.Seq, old.Hash)
	}
	for i := range all[:over] {
		f.leave(&all[i])
	}
	e.setMembers(all[over:], e.Group.cut())
	f.grown = true
}

// leave forgets an arrival for good: its content goes, and of its removals the last
// one counts.
func (f *folder) leave(m *Member) {
	f.unremember(m.Seq)
	f.remember(m.Seq, m.Hash)
	f.effects.Removed = append(f.effects.Removed, m.Seq)
}

// unremember drops the removal of a seq, if there is one.
func (f *folder) unremember(seq uint64) {
	f.s.Removals = slices.DeleteFunc(f.s.Removals, func(r Removal) bool { return r.Seq == seq })
}

// takeBack takes an arrival out of the item at that place. If it is the shown one, the
// one before is shown in its stead, or none. The item's flags stay.
func (f *folder) takeBack(at int, hash uint64) {
	e := f.s.Items[at]
	all := e.members()
	i := slices.IndexFunc(all, func(m Member) bool { return m.Hash == hash })
	gone := all[i]
	f.leave(&gone)
	e.Count--
	e.Version = f.s.Version
	if i < len(all)-1 {
		e.setMembers(slices.Delete(all, i, i+1), f.s.Version, gone.Actor)
		f.s.Items[at] = e
		return
	}
	f.s.Items = slices.Delete(f.s.Items, at, at+1)
	all = all[:i]
	lost := []Actor{gone.Actor}
	for len(all) > 0 && expired(all[len(all)-1].ExpiresAt, f.in.Time) {
		last := all[len(all)-1]
		f.leave(&last)
		lost = append(lost, last.Actor)
		e.Count--
		all = all[:len(all)-1]
	}
	if len(all) == 0 {
		return
	}
	slices.Reverse(lost)
	e.setMembers(all, e.Group.cut(), lost...)
	e.Replaces = 0
	if n := len(all); n > 1 {
		e.Replaces = all[n-2].Seq
	}
	f.unremember(e.Seq)
	if !e.Hidden(f.in.Time) {
		e.Shown, e.Until = f.s.Version, 0
		f.moved = true
	}
	f.renamed(gone.Seq, &e)
	f.insert(&e)
}

// insert puts e into Items.
func (f *folder) insert(e *Entry) {
	i, _ := f.s.Find(e.Seq)
	f.s.Items = slices.Insert(f.s.Items, i, *e)
}

// thin lets the items of the lowest places lose their oldest arrivals where the row
// keeps too many in all.
func (f *folder) thin() {
	if !f.grown {
		return
	}
	kept := 0
	for i := range f.s.Items {
		kept += len(f.s.Items[i].Group.earlier())
	}
	for ; kept > f.limits().rowMembers; kept-- {
		var lowest *Entry
		for i := range f.s.Items {
			if e := &f.s.Items[i]; len(e.Group.earlier()) > 0 && (lowest == nil || e.Compare(lowest) < 0) {
				lowest = e
			}
		}
		all := lowest.members()
		f.leave(&all[0])
		lowest.setMembers(all[1:], f.s.Version)
		lowest.Version = f.s.Version
	}
}
