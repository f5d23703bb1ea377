package board

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// CheckRecord returns what is wrong with a record for a board: it takes notices,
// retractions of them, and touches.
func CheckRecord(r *inbox.Record) error {
	switch r.Kind {
	case inbox.KindNotify:
		return belfry.CheckAudience(r.Notification.Audience)
	case inbox.KindRetract:
		return belfry.CheckAudience(r.Retraction.Audience)
	case inbox.KindTouch:
		return nil
	}
	return fmt.Errorf("a board takes no %s", r.Kind)
}

// Fold is [inbox.Fold] for a record of the board, which passes [CheckRecord]. Of in, Cap is
// how many live notices the board keeps, DefaultLimit if less than 1, and Keep, at least 1,
// how many removals all rows of the partition keep from now on. A notice without an expiry,
// or with one that is too far off, has another; its content is as the record says.
func Fold(b *Board, r inbox.Record, in inbox.Input) (*Board, inbox.Effects) {
	in.Base, in.Members, in.Keep = b.State.Base, 1, max(in.Keep, 1)
	if in.Cap < 1 {
		in.Cap = DefaultLimit
	}
	written := r.Notification
	expire(&r.Notification, in.Time)
	after, effects := inbox.Fold(b.State, r, in)
	if effects.Item != nil {
		effects.Item = inbox.NewItem(written, effects.Seq, in.Time)
	}
	if effects.Outcome == inbox.Redelivered {
		return b, effects
	}
	row := b.Row
	row.State = after
	if r.Kind == inbox.KindNotify || row.Keep > 0 {
		row.Keep = in.Keep // a touch alone leaves the row as older programs read it
	}
	row.Notices = make([]Notice, len(after.Items))
	for i := range after.Items {
		e, n := &after.Items[i], &row.Notices[i]
		n.Audience = inbox.AudienceHash(r.Notification.Audience)
		if at, ok := place(b.State.Items, e.Seq); ok {
			*n = b.Notices[at]
		}
		if !e.Born && n.At == 0 {
			n.At = in.Time.UnixMilli()
		}
	}
	row.leave(b, in.Time)
	most := b.limits
	if most == (limits{}) {
		most = limits{MaxStays, MaxHorizons, StayAge}
	}
	row.forget(in.Time, most)
	return b.with(row), effects
}

// Forget returns the board of a partition whose users are of several, none of which has a
// notice any more. What their rows hold of notices that are gone they lose behind a horizon
// at version, which is above that of each row and board. What recognises records of the
// boards again is kept. At is the time of the horizon.
func Forget(boards []Row, version uint64, at time.Time) Row {
	ms := at.UnixMilli()
	row := Row{
		State:    inbox.State{Version: version, ChangedAt: time.UnixMilli(ms).UTC()},
		Horizons: []Horizon{{Audience: inbox.Everybody, Version: version, At: ms}},
		Floor:    Horizon{Version: version, At: ms},
	}
	s := &row.State
	for i := range boards {
		b := &boards[i]
		row.Keep, s.Epoch = max(row.Keep, b.Keep), max(s.Epoch, b.State.Epoch)
		for _, gone := range b.State.Removals {
			if gone.Hash != 0 && !slices.ContainsFunc(s.Removals, func(r inbox.Removal) bool { return r.Hash == gone.Hash }) {
				s.Removals = append(s.Removals, inbox.Removal{Version: version, Hash: gone.Hash})
			}
		}
		for _, mark := range b.State.Watermarks {
			at := slices.IndexFunc(s.Watermarks, func(w inbox.Watermark) bool { return w.Key == mark.Key })
			switch {
			case at < 0:
				s.Watermarks = append(s.Watermarks, mark)
			case cmp.Or(cmp.Compare(mark.Offset, s.Watermarks[at].Offset), cmp.Compare(mark.Index, s.Watermarks[at].Index)) > 0:
				s.Watermarks[at] = mark
			}
		}
	}
	s.Watermarks = s.Watermarks[max(0, len(s.Watermarks)-inbox.MaxWatermarks):]
	return row
}

// Crowds reports whether one of these records, folded one after another from now on, is a
// notice that would show at once and not at its time, since the board hides as many as it
// can. It looks at those alone that are scheduled.
func (b *Board) Crowds(records []inbox.Record, now time.Time) bool {
	for i := range records {
		if !records[i].Notification.DeliverAt.After(now) {
			continue
		}
		next, effects := Fold(b, records[i], inbox.Input{
			Position: inbox.Position{Epoch: b.State.Epoch, Offset: int64(b.State.Version - b.State.Base)}, Time: now, Cap: MaxLimit,
		})
		if effects.Delivery == inbox.Crowded {
			return true
		}
		b = next
	}
	return false
}

// expire gives a notice the latest expiry it may have, or a usual one if it has none.
func expire(n *belfry.Notification, now time.Time) {
	n.Settle(now)
	if latest := n.LatestExpiry(now); n.ExpiresAt.After(latest) {
		n.ExpiresAt = latest
	}
}

// leave notes the stays of the notices that were in the lists of b and are no more. What
// came and went by one record, or went while it was hidden, never was in one.
func (row *Row) leave(b *Board, at time.Time) {
	row.Stays = slices.Clone(row.Stays)
	for i := range b.State.Items {
		e := &b.State.Items[i]
		if _, there := place(row.State.Items, e.Seq); there || e.Born {
			continue
		}
		row.Stays = append(row.Stays, Stay{Seq: e.Seq, Audience: b.Notices[i].Audience, Came: e.Place(), Went: row.State.Version, At: at.UnixMilli()})
	}
}

// forget drops stays that are old or too many. Each raises the horizon of its audience.
func (row *Row) forget(now time.Time, most limits) {
	oldest := now.Add(-most.age).UnixMilli()
	row.Horizons = slices.Clone(row.Horizons)
	n := 0
	for ; n < len(row.Stays) && (len(row.Stays)-n > most.stays || row.Stays[n].At < oldest); n++ {
		row.raise(row.Stays[n])
	}
	row.Stays = row.Stays[n:]
	for row.topics() > most.horizons {
		lowest := -1
		for i := range row.Horizons {
			if h := &row.Horizons[i]; h.Audience != inbox.Everybody && (lowest < 0 || h.Version < row.Horizons[lowest].Version) {
				lowest = i
			}
		}
		if h := row.Horizons[lowest]; h.Version > row.Floor.Version {
			row.Floor = Horizon{Version: h.Version, At: h.At}
		}
		row.Horizons = slices.Delete(row.Horizons, lowest, lowest+1)
	}
}

// raise has the horizon of a stay's audience be where the notice went.
func (row *Row) raise(s Stay) {
	at, ok := findHorizon(row.Horizons, s.Audience)
	if !ok {
		row.Horizons = slices.Insert(row.Horizons, at, Horizon{Audience: s.Audience})
	}
	if h := &row.Horizons[at]; s.Went > h.Version {
		h.Version, h.At = s.Went, s.At
	}
}

// topics is how many horizons are not everybody's.
func (row *Row) topics() int {
	n := len(row.Horizons)
	if _, ok := findHorizon(row.Horizons, inbox.Everybody); ok {
		n--
	}
	return n
}

func place(items []inbox.Entry, seq uint64) (int, bool) {
	s := inbox.State{Items: items}
	return s.Find(seq)
}

// Apply is [inbox.State.Apply] for a record of a user, in the partition of the board: the
// row is advanced to the record first, unless it has that. A record that the board has
// passed and the row has not was a dead letter then, and is none of the user's now. Of in,
// Base and Keep are taken from the board, whose epoch must be that of in. A row that
// counts from another base is folded as if there were no board.
func (b *Board) Apply(row *inbox.State, r *inbox.Record, in inbox.Input) inbox.Effects {
	in.Base, in.Keep = b.State.Base, b.Keep
	if b.Fits(row) && !row.Applied(in.Position) {
		version := in.Base + uint64(in.Offset) + 1
		if version <= b.State.Version {
			return inbox.Effects{Outcome: inbox.Redelivered}
		}
		if b.Keep > 0 && !b.isIn(row) {
			*row = Advance(*row, b, version)
		}
	}
	return row.Apply(r, in)
}

// isIn reports whether a row has taken in all that the board has, and what it does not
// store is filled in: of many records that are folded one after another the first does it.
func (b *Board) isIn(row *inbox.State) bool {
	if row.Version < b.State.Version {
		return false
	}
	for i := range row.Items {
		if s := row.Items[i].Shared; s != nil && s.Place == 0 {
			return false
		}
	}
	return true
}

// Fits reports whether a row counts from the board's base, or will from its next record
// on. A row of the board's epoch that does not was written by a release that had a
// base for each row: versions of the board are none of its own.
func (b *Board) Fits(row *inbox.State) bool {
	return row.Version == 0 || row.Epoch != b.State.Epoch || row.Base == b.State.Base
}

// Now is after all events of a board, see [Advance].
const Now = math.MaxUint64
