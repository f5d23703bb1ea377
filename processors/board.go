package processors

import (
	"fmt"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// foldBoard applies records of the partition itself to its board, whose rows take in
// what it holds when they are read or folded next. Such records are a barrier, see
// [engine.Batches]: all rows of before are acknowledged, and the board's is before the
// next record of anybody is folded. So nobody ever holds a row without what it has taken in, nor a board
// without the rows of before, whatever ends the process.
func (u *Unread) foldBoard(c *engine.Context) {
	own := u.bases.of(c.Partition())
	before := own.board.Load()
	next, out := before, folded{}
	for _, m := range c.Records() {
		var err error
		if next, err = u.foldNotice(c, own, next, m, &out); err != nil {
			u.setAside(c, m, err)
		}
	}
	if len(out.steps) == 0 {
		return
	}
	stored, _ := c.Value().([]byte)
	u.write(c, out)
	// Before the next record is handed out: no row is ever ahead of the board.
	own.board.Store(next)
	if u.Timers != nil {
		u.Timers.Set(c.Partition(), c.Key(), codec.DecodeDue(stored), codec.DecodeDue(out.row))
		if next.Newest() > before.State.Version {
			u.Timers.Announce(c.Partition())
		}
	}
}

// foldNotice applies one to a board and returns the next, which is the same where it has an
// error. That is about the record.
func (u *Unread) foldNotice(c *engine.Context, own *base, current *board.Board, m *sarama.ConsumerMessage, out *folded) (*board.Board, error) {
	record, err := codec.DecodeForFold(m.Value)
	if err != nil {
		return current, err
	}
	if err := board.CheckRecord(&record.Record); err != nil {
		// Undecodable: every door checks what it takes, so it is no sender's fault.
		return current, fmt.Errorf("record for the board of partition %d: %v", c.Partition(), err)
	}
	if !own.counts {
		if record.Kind != inbox.KindTouch {
			return current, u.notAnnounced(c, own)
		}
		u.rewrite(c, m)
		return current, nil
	}
	if own.lack != "" && record.Kind != inbox.KindTouch {
		return current, u.notAnnounced(c, own)
	}
	next := current
	err = engine.Guard(func() (err error) {
		next, err = u.onBoard(current, &record, m, out)
		return err
	})
	if err != nil {
		return current, err
	}
	return next, nil
}

// onBoard folds a record into a board, and adds what it leads to to out.
func (u *Unread) onBoard(current *board.Board, record *codec.FoldRecord, m *sarama.ConsumerMessage, out *folded) (next *board.Board, err error) {
	var effects inbox.Effects
	next, effects = board.Fold(current, record.Record, inbox.Input{
		Position: inbox.Position{Epoch: current.State.Epoch, Offset: m.Offset},
		Time:     m.Timestamp,
		Cap:      u.BroadcastCap,
		Keep:     u.keeps(),
	})
	if effects.Delivery == inbox.Crowded {
		return nil, belfry.Invalid("deliver_at", "%d notices are scheduled on the board already, and one more would show to everybody at once: replay this letter when one of them has shown or was taken back", inbox.MaxHidden)
	}
	row, err := codec.EncodeBoard(&next.Row)
	if err != nil {
		return nil, err
	}
	if err := u.note(out, &next.State, record, effects, m); err != nil {
		return nil, err
	}
	out.row = row
	return next, nil
}

// keeps is how many removals rows keep: as many as items, as those of a partition without
// notices do.
func (u *Unread) keeps() int {
	if u.cap < 1 {
		return inbox.DefaultCap
	}
	return u.cap
}

// notAnnounced is why a notice is set aside. Its letter may be replayed once there is a
// remedy.
func (u *Unread) notAnnounced(c *engine.Context, own *base) error {
	return belfry.Invalid("audience", "nothing can be announced in partition %d, since %s: %s, and replay this letter then", c.Partition(), own.lack, own.partition.Remedy)
}

// rewrite writes the board of an earlier journal as it is, for whoever has seen it go back.
func (u *Unread) rewrite(c *engine.Context, m *sarama.ConsumerMessage) {
	u.processed.one(string(inbox.Unchanged), m.Timestamp)
	stored, _ := c.Value().([]byte)
	if stored == nil {
		return
	}
	if u.Rows != nil {
		u.Rows.Accepted(c.Key())
	}
	c.SetRow(stored, nil)
}
