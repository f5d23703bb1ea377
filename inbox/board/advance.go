package board

import (
	"cmp"
	"slices"
	"time"

	"github.com/belfry/belfry/inbox"
)

// Advance returns a stored row as it would be if every event of the board after its
// version and before another one had been copied to it: in the order of versions, what the
// record took and then what it brought. Before is the version of the record that is to
// be folded on it, or [Now] for who reads.
//
// A notice that comes in is added, if it is for everybody or for a topic of the row, put away and
// read if the row mutes its category. One that goes leaves a removal. Both, and all else that
// happens to an audience which concerns the row, are its version. Behind a horizon the
// row loses without a removal what the board knows no more, and has it as its own, so that
// clients behind it read again. Nothing goes by the clock.
//
// A row that counts from another base ([Board.Fits]) stays as it is.
//
// It is pure. The result may share memory with row, which is not to be modified then.
func Advance(row inbox.State, b *Board, before uint64) inbox.State {
	return advanced(row, b, before, false)
}

// advanced is Advance, which may change what row refers to if that is owned.
func advanced(row inbox.State, b *Board, before uint64, owned bool) inbox.State {
	if !b.Fits(&row) {
		return row
	}
	a := advance{row: &row, board: b, from: row.Version, before: before, items: owned, removals: owned, reach: owned}
	row.Epoch, row.Base = b.State.Epoch, b.State.Base
	a.concerns()
	a.leave()
	a.horizons()
	a.enter()
	if a.items {
		a.fill()
	}
	if row.Version > a.from {
		row.ChangedAt = time.Time{}
		if a.at != 0 {
			row.ChangedAt = time.UnixMilli(a.at).UTC()
		}
	}
	if row.Version > a.from && len(row.Removals) > b.Keep {
		a.ownRemovals()
		row.Trim(b.Keep)
	}
	return row
}

// Show returns what a reader shows of a stored row: advanced, and of who has none, the
// zero State, what everybody gets, at the version of the last event for everybody. The
// result is for reading: it may share memory with row and board.
func (b *Board) Show(row inbox.State) inbox.State {
	if row.Version == 0 {
		return b.nobody
	}
	return Advance(row, b, Now)
}

// ShowOwned is Show of a row that nobody else has, and which is not to be used any more: it
// saves the copy. Decode it with [Board.Coming] as room.
func (b *Board) ShowOwned(row inbox.State) inbox.State {
	if row.Version == 0 {
		return b.nobody
	}
	return advanced(row, b, Now, true)
}

// Coming is at most how many notices come into a row of a version.
func (b *Board) Coming(version uint64) int { return len(b.after(version)) }

// advance is a row on its way. The stored row's slices are copied before they change.
type advance struct {
	row          *inbox.State
	board        *Board
	from, before uint64
	others       []uint64 // audiences of entries that are no topics of the row
	items        bool     // Items may be changed: they are the row's own, as they are with shared ones
	removals     bool     // Removals are the row's own
	reach        bool     // likewise
	at           int64    // timestamp of the version's record
}

// concerns finds the audiences that concern the row. They are the same up to its next
// own record: which events are its versions depends on the stored row alone.
func (a *advance) concerns() {
	for i := range a.row.Items {
		if s := a.row.Items[i].Shared; s != nil {
			a.own()
			if !a.member(s.Audience) && !slices.Contains(a.others, s.Audience) {
				a.others = append(a.others, s.Audience)
			}
		}
	}
}

// own makes Items the row's own, with room for all that may come in.
func (a *advance) own() {
	if !a.items {
		room := len(a.row.Items) + a.board.Coming(a.from)
		a.items, a.row.Items = true, append(make([]inbox.Entry, 0, room), a.row.Items...)
	}
}

func (a *advance) ownRemovals() {
	if !a.removals {
		a.removals, a.row.Removals = true, slices.Clone(a.row.Removals)
	}
}

// member reports whether the row takes in what is for an audience.
func (a *advance) member(audience uint64) bool {
	return audience == inbox.Everybody || a.row.HasTopic(audience)
}

func (a *advance) concern(audience uint64) bool {
	return a.member(audience) || slices.Contains(a.others, audience)
}

// due reports whether an event is still to be told to the row.
func (a *advance) due(version uint64) bool { return a.from < version && version < a.before }

// happened has the row be of an event's version.
func (a *advance) happened(version uint64, at int64) {
	if version > a.row.Version {
		a.row.Version, a.at = version, at
	}
}

// leave takes what went.
func (a *advance) leave() {
	stays := a.board.Stays
	i, _ := slices.BinarySearchFunc(stays, a.from+1, func(s Stay, version uint64) int { return cmp.Compare(s.Went, version) })
	for ; i < len(stays) && stays[i].Went < a.before; i++ {
		s := &stays[i]
		if !a.concern(s.Audience) {
			continue
		}
		a.happened(s.Went, s.At)
		had := s.Came > a.from && a.member(s.Audience) // it came and went since
		if a.items && s.Came <= a.from {
			if at, ok := a.row.Find(s.Seq); ok && a.row.Items[at].Shared != nil {
				had, a.row.Items = true, slices.Delete(a.row.Items, at, at+1)
				a.untell(s.Seq)
			}
		}
		if had {
			a.ownRemovals()
			a.row.Removals = append(a.row.Removals, inbox.Removal{Seq: s.Seq, Version: s.Went, Shared: true})
		}
	}
}

// horizons passes what was forgotten. Of an audience the row loses what the board knows no
// more, since its going is what was forgotten.
func (a *advance) horizons() {
	behind := func(audience uint64) {
		h := a.board.Horizon(audience)
		if !a.due(h.Version) {
			return
		}
		a.happened(h.Version, h.At)
		a.row.Horizon = max(a.row.Horizon, h.Version)
		if !a.items {
			return
		}
		a.row.Items = slices.DeleteFunc(a.row.Items, func(e inbox.Entry) bool {
			lost := e.Shared != nil && e.Shared.Audience == audience && a.board.entry(e.Seq) == nil && !a.board.stayed(e.Seq)
			if lost {
				a.untell(e.Seq)
			}
			return lost
		})
	}
	if len(a.board.Horizons) == 0 && a.board.Floor.Version == 0 {
		return
	}
	behind(inbox.Everybody)
	for i := range a.row.Topics {
		behind(a.row.Topics[i].Hash)
	}
	for _, audience := range a.others {
		behind(audience)
	}
}

// enter adds what came and is still there.
func (a *advance) enter() {
	for _, i := range a.board.after(a.from) {
		came, at := &a.board.entries[i], a.board.Notices[i].At
		if came.Version >= a.before {
			return
		}
		if !a.concern(came.Shared.Audience) {
			continue
		}
		a.happened(came.Version, at)
		if !a.member(came.Shared.Audience) {
			continue
		}
		a.own()
		place, _ := a.row.Find(came.Seq)
		a.row.Items = slices.Insert(a.row.Items, place, *came)
		if e := &a.row.Items[place]; a.row.IsMuted(e.Category) {
			e.Muted, e.Archived, e.Read, e.Seen = true, true, true, true
		}
		a.wait(came.Seq, at)
	}
}

// fill reads from the board what rows do not store.
func (a *advance) fill() {
	notices := walk{board: a.board}
	for i := range a.row.Items {
		e := &a.row.Items[i]
		if e.Shared == nil {
			continue
		}
		if l := notices.entry(e.Seq); l != nil {
			e.Shared, e.Category, e.Priority, e.ExpiresAt, e.Count, e.Replaces = l.Shared, l.Category, l.Priority, l.ExpiresAt, l.Count, l.Replaces
		}
	}
}

// wait has channels count the delays of a notice from when it came.
func (a *advance) wait(seq uint64, at int64) {
	if a.row.Reach == nil || len(a.row.Reach.Endpoints) == 0 {
		return
	}
	a.ownReach()
	i, ok := a.told(seq)
	if !ok {
		a.row.Reach.Items = slices.Insert(a.row.Reach.Items, i, inbox.ItemReach{Seq: seq, Since: at})
	}
}

// untell forgets what channels have of a notice.
func (a *advance) untell(seq uint64) {
	if a.row.Reach == nil {
		return
	}
	if i, ok := a.told(seq); ok {
		a.ownReach()
		a.row.Reach.Items = slices.Delete(a.row.Reach.Items, i, i+1)
	}
}

func (a *advance) told(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(a.row.Reach.Items, seq, func(i inbox.ItemReach, seq uint64) int { return cmp.Compare(i.Seq, seq) })
}

func (a *advance) ownReach() {
	if !a.reach {
		reach := *a.row.Reach
		reach.Items = slices.Clone(reach.Items)
		a.reach, a.row.Reach = true, &reach
	}
}
