package broadcast

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// Write is one call that writes to the boards. Begin it with [Calls.Begin].
type Write struct {
	// Keys are those that each record is written under.
	Keys   []string
	calls  *Calls
	first  *board.Board // that of partition 0 before the write
	oldest []Displaced  // what goes first from it, the oldest at the head
}

// Displaced is a notice that went since its board was full.
type Displaced struct {
	ID       string      `json:"id"`
	Source   string      `json:"source"`
	Audience string      `json:"audience"`
	Title    belfry.Text `json:"title"`

	seq uint64
}

// Begin returns what a call with those notices writes with. Its error matches ErrOff if
// not all partitions have a board, for which it waits as long as a command does, and
// ErrCrowded if one of them would not wait for its time.
func (c *Calls) Begin(ctx context.Context, notices []inbox.Record) (*Write, error) {
	boards, err := c.started(ctx)
	if err == nil {
		err = checkOn(boards)
	}
	if err != nil {
		return nil, err
	}
	if now := time.Now(); slices.ContainsFunc(boards, func(b *board.Board) bool { return b.Crowds(notices, now) }) {
		return nil, ErrCrowded
	}
	w := &Write{Keys: belfry.PartitionKeys(len(boards)), calls: c, first: boards[0]}
	// Their contents may be gone once the notices are.
	live := slices.Clone(w.first.State.Items)
	slices.SortFunc(live, func(a, b inbox.Entry) int { return cmp.Compare(a.Place(), b.Place()) })
	for i := range live[:min(len(notices), len(live))] {
		d := Displaced{seq: live[i].Seq}
		if item, ok, err := c.config.Item(w.Keys[0], d.seq); err != nil {
			return nil, err
		} else if ok {
			d.ID, d.Source, d.Audience, d.Title = item.ID, item.Source, item.Audience, item.Title
		}
		w.oldest = append(w.oldest, d)
	}
	return w, nil
}

// Sent is a notice that was written, with its position in partition 0.
type Sent struct {
	Notice   *belfry.Notification
	Position inbox.Position
}

// Outcome is what became of the notices of one call, as partition 0 shows it. The zero
// value is that of a call whose notices it does not show in time.
type Outcome struct {
	// Displaced went from a full board to make room for this call's, which may be some
	// of its own.
	Displaced []Displaced
	// Known are the ids of those that were announced before: nothing has changed by them.
	Known []string
}

// Outcome waits until the table of partition 0 shows what was written.
func (w *Write) Outcome(ctx context.Context, sent []Sent) Outcome {
	var after *board.Board
	err := w.calls.config.Await(ctx, w.Keys[0], func() (shown bool, err error) {
		after, err = w.calls.config.Boards.Board(0)
		return err == nil && after != nil && applied(after, sent), err
	})
	if err != nil { // of a write that was acknowledged nothing else is to be said
		return Outcome{}
	}
	return w.outcome(after, sent, time.Now())
}

func applied(b *board.Board, sent []Sent) bool {
	return !slices.ContainsFunc(sent, func(one Sent) bool { return !b.State.Applied(one.Position) })
}

func (w *Write) outcome(after *board.Board, sent []Sent, now time.Time) (out Outcome) {
	version := func(one Sent) uint64 { return after.State.Base + uint64(one.Position.Offset) + 1 }
	by := map[uint64]bool{} // the versions of the records
	for _, one := range sent {
		by[version(one)] = true
	}
	// went says whether the board had that one, and whether it had to make room.
	went := func(seq uint64) (had, displaced bool) {
		i := slices.IndexFunc(after.Stays, func(s board.Stay) bool { return s.Seq == seq })
		if i < 0 {
			return false, false
		}
		replaced := slices.ContainsFunc(after.State.Items, func(e inbox.Entry) bool { return e.Replaces == seq })
		return true, !replaced && by[after.Stays[i].Went]
	}
	for _, d := range w.oldest {
		was, _ := w.first.State.Entry(d.seq)
		if _, displaced := went(d.seq); displaced && !was.Expired(now) {
			out.Displaced = append(out.Displaced, d)
		}
	}
	for _, one := range sent {
		n, seq := one.Notice, version(one)
		if _, live := after.State.Entry(seq); live || !n.ExpiresAt.After(now) {
			continue
		}
		forgotten := slices.ContainsFunc(after.Horizons, func(h board.Horizon) bool { return h.Version >= seq })
		switch had, displaced := went(seq); {
		case displaced:
			out.Displaced = append(out.Displaced, Displaced{ID: n.ID, Source: n.Source, Audience: n.Audience, Title: n.Title, seq: seq})
		case !had && !forgotten:
			out.Known = append(out.Known, n.ID)
		}
	}
	return out
}

// ErrPartly is the error of a write that did not reach all partitions for sure.
var ErrPartly = errors.New("the journal cannot be written at the moment; some users may have the notice and others not: send it again with the same id, which finishes it and doubles nothing")
