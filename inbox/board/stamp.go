package board

import (
	"slices"
	"time"

	"github.com/belfry/belfry/inbox"
)

// Stamp returns the stamp of what [Board.Show] makes of a stored row at now, without
// making it.
func (b *Board) Stamp(row *inbox.State, now time.Time) inbox.Stamp {
	v := b.Viewed(row.Version)
	for i := range row.Topics {
		v.Topic(row.Topics[i].Hash)
	}
	for i := range row.Items {
		v.Item(&row.Items[i], now)
	}
	return v.Stamp(now)
}

// Viewed begins a stamp of a stored row of that version, 0 for none, whose parts are told
// one by one: first its topics, then its items, in any order.
func (b *Board) Viewed(version uint64) Viewed {
	return Viewed{
		board: b, notices: walk{board: b}, last: inbox.Everybody,
		stored: version, version: max(version, b.Latest(inbox.Everybody)),
	}
}

// Viewed is a stamp in the making, see [Board.Viewed].
type Viewed struct {
	board           *Board
	notices         walk
	last            uint64 // an audience whose events are in version
	stored, version uint64
	topics          []uint64
	passed          int
}

// Topic tells of a topic of the row, by its hash.
func (v *Viewed) Topic(hash uint64) {
	v.topics = append(v.topics, hash)
	v.version = max(v.version, v.board.Latest(hash))
}

// Item tells of an item as it is stored. Of one it needs Seq, ExpiresAt, Until, Shown and
// Shared.
func (v *Viewed) Item(e *inbox.Entry, now time.Time) {
	if e.Shared == nil {
		v.passed += e.Passed(now)
		return
	}
	if e.Shared.Audience != v.last {
		v.last = e.Shared.Audience
		v.version = max(v.version, v.board.Latest(v.last))
	}
	if l := v.notices.entry(e.Seq); l != nil {
		seen := inbox.Entry{ExpiresAt: l.ExpiresAt, Until: e.Until, Shown: e.Shown}
		v.passed += seen.Passed(now)
	}
}

// Stamp returns the stamp of all that was told.
func (v *Viewed) Stamp(now time.Time) inbox.Stamp {
	passed := v.passed
	for _, i := range v.board.after(v.stored) {
		if e := &v.board.entries[i]; v.member(e.Shared.Audience) && e.Expired(now) {
			passed++
		}
	}
	version := v.version
	if v.stored == 0 {
		version = v.board.State.Version
	}
	row := inbox.State{Epoch: v.board.State.Epoch, Version: version}
	return inbox.Stamp{Cursor: row.Cursor(), Passed: passed}
}

func (v *Viewed) member(audience uint64) bool {
	return audience == inbox.Everybody || slices.Contains(v.topics, audience)
}
