package processors

import (
	"fmt"
	"sync/atomic"

	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
)

// Unread folds the journal into one row a recipient, and writes the contents of
// its items into the inbox table.
type Unread struct {
	Deps
	cap   int
	epoch atomic.Uint32
}

// NewUnread returns the group of the fold. Every instance must have the same
// cap: 1 to inbox.MaxCap items an inbox, or 0 for inbox.DefaultCap.
func NewUnread(d Deps, cap int) *Unread { return &Unread{Deps: d, cap: cap} }

// Group is the definition for engine.NewProcessor.
func (u *Unread) Group(options ...goka.ProcessorOption) engine.Group {
	journal := u.Prefix.Journal()
	return engine.Group{
		Graph: goka.DefineGroup(goka.Group(u.Prefix.UnreadGroup()),
			goka.Input(goka.Stream(journal), engine.Bytes{}, engine.Callback(u.fold)),
			goka.Output(goka.Stream(u.Prefix.InboxTable()), engine.Bytes{}),
			goka.Persist(rowCodec{}),
		),
		Positional: true,
		OnSession:  func(infos map[string]kafka.TopicInfo) { u.epoch.Store(infos[journal].ID.Epoch()) },
		Written:    u.Metrics.writtenBy(u.Prefix.UnreadGroup()),
		Options:    append([]goka.ProcessorOption{goka.WithUpdateCallback(u.restore)}, options...),
	}
}

// restore takes one record of the table into a store that is being recovered.
// A row that a paused owner wrote late does not take the place of the newer row,
// though it comes after it. A store that is ahead of the offset it keeps meets
// rows of its past again, and the newest after them.
func (u *Unread) restore(_ goka.UpdateContext, s storage.Storage, key string, value []byte) error {
	refused, err := restoreRow(s, key, value)
	switch {
	case err != nil:
		return fmt.Errorf("restore row: %w", err)
	case refused:
		u.Metrics.refused.Inc()
		if u.Rows != nil {
			u.Rows.Refused(key)
		}
	case u.Rows != nil:
		u.Rows.Accepted(key)
	}
	return nil
}

func restoreRow(s storage.Storage, key string, value []byte) (refused bool, err error) {
	if value == nil {
		return false, s.Delete(key)
	}
	old, err := s.Get(key)
	if err != nil {
		return false, err
	}
	if old != nil && !codec.NotOlder(old, value) {
		return true, nil
	}
	return false, s.Set(key, value)
}

// fold applies one record. A content goes out before the row that has its item, and
// a tombstone once the broker has the row without it: so no view has a row of
// which a content is already gone. The offset is committed when the broker has all.
func (u *Unread) fold(c *engine.Context, value []byte) {
	// The row of another key must not even be read: the store keeps its own
	// offset under one, which is no row and would fail the group for ever.
	if err := belfry.CheckRecipient(c.Key()); err != nil {
		u.setAside(c, fmt.Errorf("journal key: %v", err)) // undecodable: no sender's fault
		return
	}
	row, _ := c.Value().(inbox.State)
	var w writes
	err := engine.Guard(func() (err error) {
		w, err = u.compute(row, value, inbox.Input{
			Position: inbox.Position{Epoch: u.epoch.Load(), Offset: c.Offset()},
			Time:     c.Timestamp(),
			Cap:      u.cap,
		})
		return err
	})
	if err != nil {
		u.setAside(c, err)
		return
	}
	carry, end := u.span(c, "fold")
	defer end()
	contents := goka.Stream(u.Prefix.InboxTable())
	if w.item != nil {
		c.Emit(contents, inbox.ItemKey(c.Key(), w.seq), w.item, carry...)
	}
	for _, seq := range w.removed {
		c.EmitAfter(contents, inbox.ItemKey(c.Key(), seq), nil)
	}
	if u.Rows != nil {
		// Before the row is written: what is refused behind it must count.
		u.Rows.Accepted(c.Key())
	}
	c.SetValue(w.row)
	u.noteRepeat(c, &w)
	u.Metrics.processed(u.Prefix.UnreadGroup(), string(w.outcome), c.Timestamp())
}

// noteRepeat counts and tells what is dropped because its recipient has had its id.
// A producer that sends twice is no fault; an id that several events share is one,
// and would lose all but the first in silence.
func (u *Unread) noteRepeat(c *engine.Context, w *writes) {
	if w.repeat == inbox.NoRepeat {
		return
	}
	content := "unknown"
	if w.repeat == inbox.OtherContent {
		content = "other"
	}
	u.Metrics.repeated.WithLabelValues(w.rule, content).Inc()
	log, more := u.sometimes("repeated", w.rule, content)
	if log == nil {
		return
	}
	attributes := []any{"rule", w.rule, "source", w.source, "partition", c.Partition(), "offset", c.Offset(), "more", more}
	if w.repeat == inbox.OtherContent {
		log.Warn("notification is dropped, its recipient had another one of the same id; an event of its own needs an id of its own, by id: in the rule or by its sender", attributes...)
		return
	}
	log.Info("notification is dropped, its recipient had one of the same id from another record; if it is another event it needs an id of its own, by id: in the rule or by its sender", attributes...)
}

// writes is what one record leads to, as encoded.
type writes struct {
	row     []byte
	item    []byte // nil for none
	seq     uint64 // of item
	removed []uint64
	outcome inbox.Outcome

	repeat       inbox.Repeat
	rule, source string // of what repeats
}

func (u *Unread) compute(row inbox.State, value []byte, in inbox.Input) (writes, error) {
	record, err := codec.DecodeJournal(value)
	if err != nil {
		return writes{}, err
	}
	before := row
	row, effects := inbox.Fold(before, record, in)
	w := writes{removed: effects.Removed, outcome: effects.Outcome}
	if w.outcome == inbox.Duplicate {
		w.repeat, w.rule, w.source = before.Repeats(record), record.Rule, record.Notification.Source
	}
	if effects.Item != nil {
		w.seq = effects.Item.Seq
		if w.item, err = codec.EncodeItem(effects.Item); err != nil {
			return writes{}, err
		}
	}
	w.row, err = codec.EncodeState(&row)
	return w, err
}

// rowCodec is the goka codec of rows. Its values are encoded already, so
// that a row which cannot be is found before anything is written.
type rowCodec struct{ engine.Bytes }

// Decode returns a inbox.State.
func (rowCodec) Decode(data []byte) (any, error) { return codec.DecodeState(data) }
