package board

import (
	"cmp"
	"slices"
	"time"

	"github.com/belfry/belfry/inbox"
)

// The limits of what a board holds, and remembers of notices that are gone.
const (
	MaxStays     = 1000                // the oldest goes
	StayAge      = 30 * 24 * time.Hour // by the timestamps of records
	MaxHorizons  = 1000                // of topics; beyond, the lowest is the floor of all others
	DefaultLimit = 100                 // of live notices, at most MaxLimit
	MaxLimit     = 1000
)

// limits are smaller ones of tests, or zero.
type limits struct {
	stays, horizons int
	age             time.Duration
}

// Row is what the table holds of a board, under [belfry.PartitionKey].
type Row struct {
	// State has the notices as its items, those that are hidden until their time among
	// them (Born), and what recognises the board's records again. Epoch and Base are
	// those of all rows of the partition.
	State inbox.State
	// Notices are those of State.Items, in the same order.
	Notices []Notice
	// Stays are those of notices that are gone, by rising Went.
	Stays []Stay
	// Horizons are by rising Audience. Floor is that of each topic without one.
	Horizons []Horizon
	Floor    Horizon // its Audience is 0
	// Keep is how many removals each row of the partition keeps of its own, and as many of
	// notices, whoever advances it; 0 until there was a notice.
	Keep int
}

// Notice is what a board has of an item besides its entry.
type Notice struct {
	Audience uint64 // inbox.AudienceHash
	// At is the timestamp of the record that brought it into the lists, in milliseconds
	// since 1970; 0 while it is hidden.
	At int64
}

// Stay is where a notice was that is gone: in all lists from version Came up to Went.
type Stay struct {
	Seq, Audience uint64
	Came, Went    uint64
	At            int64 // the timestamp of the record that took it, in milliseconds since 1970
}

// Horizon is that the stays of an audience up to a version were forgotten.
type Horizon struct {
	Audience, Version uint64
	At                int64 // the timestamp of that version's record, in milliseconds since 1970
}

// Board is a row with what readers look for in it. Make one with [New]; the zero Board is
// that of a partition that nothing is known of. It is never modified.
type Board struct {
	Row

	// entries are the items as they come into a row that mutes nothing, in the order of
	// State.Items; those of hidden ones are zero.
	entries []inbox.Entry
	order   []int             // the places in entries of what is in the lists, by rising place there
	last    map[uint64]uint64 // version of the last event that is not a horizon, by audience
	gone    []uint64          // the seqs of stays, rising
	nobody  inbox.State       // what is shown of who has no row
	limits  limits
}

// New returns the board of a row, which it keeps: Notices must be as many as the items.
func New(row Row) *Board { return new(Board).with(row) }

// with returns the board of another row, of the same limits.
func (b *Board) with(row Row) *Board {
	next := &Board{Row: row, entries: make([]inbox.Entry, len(row.Notices)), last: map[uint64]uint64{}, limits: b.limits}
	happened := func(audience, version uint64) { next.last[audience] = max(next.last[audience], version) }
	shared := make([]inbox.Shared, len(row.Notices))
	for i, n := range row.Notices {
		e := &row.State.Items[i]
		if e.Born {
			continue
		}
		shared[i] = inbox.Shared{Audience: n.Audience, Place: e.Place()}
		happened(n.Audience, e.Place())
		next.order = append(next.order, i)
		next.entries[i] = inbox.Entry{
			Seq: e.Seq, Version: e.Place(), Replaces: e.Replaces, Count: e.Count, ExpiresAt: e.ExpiresAt, Shared: &shared[i],
			Category: e.Category, Priority: e.Priority, Read: e.Read, Seen: e.Seen,
		}
	}
	slices.SortStableFunc(next.order, func(i, j int) int {
		return cmp.Compare(next.entries[i].Version, next.entries[j].Version)
	})
	for _, s := range row.Stays {
		happened(s.Audience, s.Went)
		next.gone = append(next.gone, s.Seq)
	}
	slices.Sort(next.gone)
	next.nobody = Advance(inbox.State{}, next, Now)
	return next
}

// Begin returns the board at the start of an epoch, whose rows count from base: no
// version of the partition is above that.
func (b *Board) Begin(epoch uint32, base uint64) *Board {
	row := b.Row
	row.State.Epoch, row.State.Base, row.State.Version, row.State.ChangedAt = epoch, base, base, time.Time{}
	return b.with(row)
}

// Latest returns the version of the last event of an audience, or of its horizon, 0 for
// none. Rows that it concerns have no lower version.
func (b *Board) Latest(audience uint64) uint64 {
	return max(b.last[audience], b.Horizon(audience).Version)
}

// Newest returns the version of the record that brought the newest notice of those in the
// lists there, 0 without any.
func (b *Board) Newest() uint64 {
	if len(b.order) == 0 {
		return 0
	}
	return b.entries[b.order[len(b.order)-1]].Version
}

// Horizon returns that of an audience, zero for none.
func (b *Board) Horizon(audience uint64) Horizon {
	if i, ok := findHorizon(b.Horizons, audience); ok {
		return b.Horizons[i]
	}
	if audience == inbox.Everybody {
		return Horizon{}
	}
	return b.Floor
}

func findHorizon(all []Horizon, audience uint64) (int, bool) {
	return slices.BinarySearchFunc(all, audience, func(h Horizon, audience uint64) int { return cmp.Compare(h.Audience, audience) })
}

func (b *Board) entry(seq uint64) *inbox.Entry {
	if i, ok := b.State.Find(seq); ok && b.entries[i].Shared != nil {
		return &b.entries[i]
	}
	return nil
}

// walk looks notices up one after another, the faster if by rising seq.
type walk struct {
	board *Board
	next  int // the place in State.Items after that of the last one
}

// entry is Board.entry.
func (w *walk) entry(seq uint64) *inbox.Entry {
	if i := w.next; i >= len(w.board.entries) || w.board.State.Items[i].Seq != seq {
		found, ok := w.board.State.Find(seq)
		if !ok {
			return nil
		}
		w.next = found
	}
	e := &w.board.entries[w.next]
	w.next++
	if e.Shared == nil {
		return nil
	}
	return e
}

// after returns the places in order of what came after a version, from the first on.
func (b *Board) after(version uint64) []int {
	i, _ := slices.BinarySearchFunc(b.order, version+1, func(i int, version uint64) int { return cmp.Compare(b.entries[i].Version, version) })
	return b.order[i:]
}

// stayed reports whether the stay of a notice that is gone is known.
func (b *Board) stayed(seq uint64) bool {
	_, ok := slices.BinarySearch(b.gone, seq)
	return ok
}
