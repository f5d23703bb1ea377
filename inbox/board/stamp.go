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
func (v *Viewed) Item(e *inbox.Entry, now time.Time) { v.item(e, now) }

// item is Item, and returns what the board has of a notice in its lists.
func (v *Viewed) item(e *inbox.Entry, now time.Time) (live *inbox.Entry) {
	if e.Shared == nil {
		v.passed += e.Passed(now)
		return nil
	}
	if e.Shared.Audience != v.last {
		v.last = e.Shared.Audience
		v.version = max(v.version, v.board.Latest(v.last))
	}
	if live = v.notices.entry(e.Seq); live != nil {
		if live.Expired(now) {
			v.passed++
		}
		if e.Woken(now) {
			v.passed++
		}
	}
	return live
}

// Stamp returns the stamp of all that was told.
func (v *Viewed) Stamp(now time.Time) inbox.Stamp {
	passed := v.passed
	for _, i := range v.board.after(v.stored) {
		if e := &v.board.entries[i]; v.member(e.Shared.Audience) && e.Expired(now) {
			passed++
		}
	}
	row := inbox.State{Epoch: v.board.State.Epoch, Version: v.version}
	return inbox.Stamp{Cursor: row.Cursor(), Passed: passed}
}

func (v *Viewed) member(audience uint64) bool {
	return audience == inbox.Everybody || slices.Contains(v.topics, audience)
}

// Counted begins a badge of a stored row of that version, whose parts are told as to
// [Board.Viewed]; the categories that it mutes come before the items.
func (b *Board) Counted(version uint64) Counted { return Counted{Viewed: b.Viewed(version)} }

// Counted is a badge in the making, see [Board.Counted].
type Counted struct {
	Viewed
	total inbox.Counts // Categories has those that are not in few
	few   [8]struct {
		category string
		counts   inbox.Counts
	}
	categories int // how many of few are used
	mutes      []string
	shared     inbox.Entry // a notice as it is counted
}

// Mute tells of a category that the row mutes: what comes in is put away.
func (c *Counted) Mute(category string) { c.mutes = append(c.mutes, category) }

// Item is [Viewed.Item]. It needs the item's flags besides, and of what is the user's own
// Category and Priority.
func (c *Counted) Item(e *inbox.Entry, now time.Time) {
	live := c.Viewed.item(e, now)
	switch {
	case e.Shared == nil:
		c.add(e, now)
	case live != nil: // else the row shows it no more
		n := &c.shared
		n.Category, n.Priority, n.ExpiresAt = live.Category, live.Priority, live.ExpiresAt
		n.Read, n.Seen, n.Archived, n.Until, n.Shown = e.Read, e.Seen, e.Archived, e.Until, e.Shown
		c.add(n, now)
	}
}

// add counts an item, those of few categories without a look into a map.
func (c *Counted) add(e *inbox.Entry, now time.Time) {
	if e.Category == "" {
		c.total.Add(e, now)
		return
	}
	for i := range c.categories {
		if c.few[i].category == e.Category {
			c.few[i].counts.AddTotal(e, now)
			return
		}
	}
	if c.categories == len(c.few) {
		c.total.Add(e, now)
		return
	}
	c.few[c.categories].category = e.Category
	c.few[c.categories].counts.AddTotal(e, now)
	c.categories++
}

// Badge returns the badge of all that was told.
func (c *Counted) Badge(now time.Time) inbox.Badge {
	for _, i := range c.board.after(c.stored) {
		if e := &c.board.entries[i]; c.member(e.Shared.Audience) && !slices.Contains(c.mutes, e.Category) {
			c.add(e, now)
		}
	}
	counts := c.total
	if counts.Categories == nil {
		counts.Categories = map[string]inbox.Tally{}
	}
	for i := range c.categories {
		if n := &c.few[i].counts; n.Unread > 0 {
			counts.Unread, counts.Unseen, counts.Urgent = counts.Unread+n.Unread, counts.Unseen+n.Unseen, counts.Urgent+n.Urgent
			counts.Categories[c.few[i].category] = n.Tally
		}
	}
	return inbox.Badge{Stamp: c.Stamp(now), Counts: counts}
}
