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
// what it holds when they are read or folded next. Such a record is a barrier, see
// [engine.Batches]: all rows of before are acknowledged, and the board's is before the
// next record is folded. So nobody ever holds a row without what it has taken in, nor a board
// without the rows of before, whatever ends the process.
func (u *Unread) foldBoard(c *engine.Context) {
	own := u.bases.of(c.Partition())
	for _, m := range c.Records() {
		if err := u.foldNotice(c, own, m); err != nil {
			u.setAside(c, m, err)
		}
	}
}

// foldNotice applies one. Its error is about the record.
func (u *Unread) foldNotice(c *engine.Context, own *base, m *sarama.ConsumerMessage) error {
	record, err := codec.DecodeForFold(m.Value)
	if err != nil {
		return err
	}
	if err := board.CheckRecord(&record.Record); err != nil {
		// Undecodable: every door checks what it takes, so it is no sender's fault.
		return fmt.Errorf("record for the board of partition %d: %v", c.Partition(), err)
	}
	stored, _ := c.Value().([]byte)
	if !own.counts {
		if record.Kind != inbox.KindTouch {
			return u.notAnnounced(c, own)
		}
		u.rewrite(c, m, stored)
		return nil
	}
	if own.lack != "" && record.Kind != inbox.KindTouch {
		return u.notAnnounced(c, own)
	}
	current := own.board.Load()
	next, out := current, folded{}
	err = engine.Guard(func() (err error) {
		next, out, err = u.onBoard(current, &record, m)
		return err
	})
	if err != nil {
		return err
	}
	u.write(c, out)
	// Before the next record is handed out: no row is ever ahead of the board.
	own.board.Store(next)
	if u.Timers != nil {
		u.Timers.Set(c.Partition(), c.Key(), codec.DecodeDue(stored), codec.DecodeDue(out.row))
		if next.Newest() == next.State.Version {
			u.Timers.Announce(c.Partition())
		}
	}
	return nil
}

// onBoard folds a record into a board, and returns what is to be written.
func (u *Unread) onBoard(current *board.Board, record *codec.FoldRecord, m *sarama.ConsumerMessage) (next *board.Board, out folded, err error) {
	var effects inbox.Effects
	next, effects = board.Fold(current, record.Record, inbox.Input{
		Position: inbox.Position{Epoch: current.State.Epoch, Offset: m.Offset},
		Time:     m.Timestamp,
		Cap:      u.BroadcastCap,
		Keep:     u.keeps(),
	})
	if effects.Delivery == inbox.Crowded {
		return nil, folded{}, belfry.Invalid("deliver_at", "%d notices are scheduled on the board already, and one more would show to everybody at once: replay this letter when one of them has shown or was taken back", inbox.MaxHidden)
	}
	if err := u.note(&out, &next.State, record, effects, m); err != nil {
		return nil, folded{}, err
	}
	out.row, err = codec.EncodeBoard(&next.Row)
	return next, out, err
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
func (u *Unread) rewrite(c *engine.Context, m *sarama.ConsumerMessage, stored []byte) {
	u.processed.one(string(inbox.Unchanged), m.Timestamp)
	if stored == nil {
		return
	}
	if u.Rows != nil {
		u.Rows.Accepted(c.Key())
	}
	c.SetRow(stored, nil)
}
