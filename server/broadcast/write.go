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

// Begin returns what a call with so many notices writes with. Its error matches ErrOff if
// not all partitions have a board, for which it waits as long as a command does.
func (c *Calls) Begin(ctx context.Context, notices int) (*Write, error) {
	boards, err := c.started(ctx)
	if err == nil {
		err = checkOn(boards)
	}
	if err != nil {
		return nil, err
	}
	w := &Write{Keys: belfry.PartitionKeys(len(boards)), calls: c, first: boards[0]}
	// Their contents may be gone once the notices are.
	live := slices.Clone(w.first.State.Items)
	slices.SortFunc(live, func(a, b inbox.Entry) int { return cmp.Compare(a.Place(), b.Place()) })
	for i := range live[:min(notices, len(live))] {
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

// Displaced returns the notices that went from a full board to make room for what was
// written to partition 0 at these positions, once its table shows that; nil if that takes
// too long.
func (w *Write) Displaced(ctx context.Context, written []inbox.Position) []Displaced {
	var after *board.Board
	err := w.calls.config.Await(ctx, w.Keys[0], func() (shown bool, err error) {
		after, err = w.calls.config.Boards.Board(0)
		return err == nil && after != nil && applied(after, written), err
	})
	if err != nil { // of a write that was acknowledged nothing else is to be said
		return nil
	}
	return w.displaced(after, written, time.Now())
}

func applied(b *board.Board, written []inbox.Position) bool {
	return !slices.ContainsFunc(written, func(p inbox.Position) bool { return !b.State.Applied(p) })
}

// displaced returns those of the oldest notices that went by one of the records, and
// neither by their expiry nor since another took their place by its collapse key.
func (w *Write) displaced(after *board.Board, written []inbox.Position, now time.Time) (out []Displaced) {
	for _, d := range w.oldest {
		was, _ := w.first.State.Entry(d.seq)
		i := slices.IndexFunc(after.Stays, func(s board.Stay) bool { return s.Seq == d.seq })
		if i < 0 || was.Expired(now) || slices.ContainsFunc(after.State.Items, func(e inbox.Entry) bool { return e.Replaces == d.seq }) {
			continue
		}
		if slices.ContainsFunc(written, func(p inbox.Position) bool {
			return after.Stays[i].Went == after.State.Base+uint64(p.Offset)+1
		}) {
			out = append(out, d)
		}
	}
	return out
}

// ErrPartly is the error of a write that did not reach all partitions for sure.
var ErrPartly = errors.New("the journal cannot be written at the moment; some users may have the notice and others not: send it again with the same id, which finishes it and doubles nothing")
