package processors

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/timers"
)

// folded is what the records of one recipient lead to, as encoded.
type folded struct {
	row     []byte // nil: there is none, and none is written
	steps   []step
	removed []uint64 // seqs whose contents go
	gone    []uint64 // seqs of endpoints whose contents go

	reached bool          // the user can be reached outside of the inbox, or could
	policy  *reach.Policy // that next is by
	next    timers.Next   // when to be told of something
}

// keeps reports whether the content of s is to be written. Of one that the same
// records have made and removed there is the tombstone alone.
func (f *folded) keeps(s *step) bool { return s.seq != 0 && !slices.Contains(f.removed, s.seq) }

// keepsEndpoint is keeps for the content of an endpoint.
func (f *folded) keepsEndpoint(s *step) bool {
	return s.endpoint != 0 && !slices.Contains(f.gone, s.endpoint)
}

// step is what one record led to.
type step struct {
	record   *sarama.ConsumerMessage
	outcome  inbox.Outcome
	seq      uint64 // of content; 0: none
	endpoint uint64 // of content; 0: none
	content  []byte
	channel  string // of a tell
	outbound []byte // what a decision says to senders; nil: nothing

	kind         inbox.Kind
	delivery     inbox.Delivery
	repeat       inbox.Repeat
	first        int64  // offset of what it repeats, -1 if that is not known
	rule, source string // of what repeats, or is delivered at once
}

// fold applies the records of one recipient that are at hand, and writes the row
// once. A content goes out before the row that has its item, and a tombstone once
// the broker has the row without it: so no view has a row of which a content is
// already gone. Decisions follow the row too, since senders look there for what to
// send. The offsets are committed when the broker has all.
func (u *Unread) fold(c *engine.Context, _ []byte) {
	if partition, own := belfry.ParsePartitionKey(c.Key()); own && partition == c.Partition() {
		u.foldBoard(c)
		return
	}
	// The row of another key must not even be read: the store keeps its own
	// offset under one, which is no row and would fail the group for ever.
	if err := belfry.CheckRecipient(c.Key()); err != nil {
		for _, m := range c.Records() {
			u.setAside(c, m, fmt.Errorf("journal key: %v", err)) // undecodable: no sender's fault
		}
		return
	}
	stored, _ := c.Value().([]byte)
	out, bad, err := u.foldBatch(c.Key(), stored, c.Records())
	if err != nil {
		c.Fail(err) // nothing may be written in the place of what cannot be read
	}
	for _, b := range bad {
		u.setAside(c, b.record, b.cause)
	}
	if len(out.steps) > 0 {
		u.write(c, out)
		if u.Timers != nil && out.row != nil {
			// Once the store has the row, which is what a timer looks at.
			u.Timers.Set(c.Partition(), c.Key(), codec.DecodeDue(stored), codec.DecodeDue(out.row))
			u.armTell(c, &out)
		}
	}
}

// isPartitions reports whether a record is of a partition itself. Whatever else its
// key is, nobody has it.
func isPartitions(m *sarama.ConsumerMessage) bool { return bytes.HasPrefix(m.Key, []byte("__")) }

// unfoldable is a record that cannot be folded.
type unfoldable struct {
	record *sarama.ConsumerMessage
	cause  error
}

// foldBatch folds records of one recipient into an encoded row, nil for none. If any
// cannot be folded, all are folded again, each on the row that the ones before have
// left, so that one is as if the bad ones had never been: without a row if none is left.
// The error is about the row.
func (u *Unread) foldBatch(user string, stored []byte, records []*sarama.ConsumerMessage) (out folded, bad []unfoldable, err error) {
	if err := u.foldOnto(&out, user, stored, records); err == nil || errors.Is(err, errRow) {
		return out, nil, err
	}
	out = folded{row: stored}
	for i, m := range records {
		next := folded{steps: slices.Clip(out.steps), removed: slices.Clip(out.removed), gone: slices.Clip(out.gone)}
		switch err := u.foldOnto(&next, user, out.row, records[i:i+1]); {
		case errors.Is(err, errRow):
			return folded{}, nil, err
		case err != nil:
			bad = append(bad, unfoldable{m, err})
		default:
			out = next
		}
	}
	if len(out.steps) == 0 {
		out.row = nil
	}
	return out, bad, nil
}

var errRow = errors.New("decode the row of a recipient")

// foldOnto adds to out what the records lead to on an encoded row. Its error is
// about the first that cannot be folded, a panic too, or matches errRow.
func (u *Unread) foldOnto(out *folded, user string, stored []byte, records []*sarama.ConsumerMessage) error {
	var row inbox.State
	if stored != nil {
		former, _ := u.former.Get().(*inbox.State)
		if former == nil {
			former = &inbox.State{}
		}
		var err error
		if row, err = codec.DecodeStateInto(*former, stored, len(records)); err != nil {
			return fmt.Errorf("%w: %w", errRow, err)
		}
	}
	base := u.bases.of(records[0].Partition)
	base.check(&row)
	return engine.Guard(func() (err error) {
		out.steps = slices.Grow(out.steps, len(records))
		for _, m := range records {
			if err := u.step(out, &row, base, m); err != nil {
				return err
			}
		}
		if row.Reach != nil {
			out.reached, out.policy = true, u.policy()
			out.next = base.next(user, row, out.policy, time.Now())
		}
		if row.Version == 0 {
			out.row = nil // all were set aside once, and nobody has written to the user since
			return nil
		}
		if out.row, err = codec.EncodeState(&row); err == nil && row.Reach == nil { // nothing else keeps a part of it
			u.former.Put(&inbox.State{Items: row.Items, Removals: row.Removals})
		}
		return err
	})
}

// step folds a record into row.
func (u *Unread) step(out *folded, row *inbox.State, base *base, m *sarama.ConsumerMessage) error {
	record, err := codec.DecodeForFold(m.Value)
	if err != nil {
		return err
	}
	effects := base.apply(row, &record.Record, inbox.Input{
		Position: inbox.Position{Epoch: u.epoch.Load(), Offset: m.Offset},
		Time:     m.Timestamp,
		Cap:      u.cap,
		Members:  u.Features.Members(),
	})
	return u.note(out, row, &record, effects, m)
}

// note adds to out what a record has led to in row.
func (u *Unread) note(out *folded, row *inbox.State, record *codec.FoldRecord, effects inbox.Effects, m *sarama.ConsumerMessage) (err error) {
	s := step{record: m, kind: record.Kind, outcome: effects.Outcome, seq: effects.Seq, delivery: effects.Delivery, repeat: effects.Repeat}
	if s.seq != 0 {
		if s.content, err = record.Content(s.seq, m.Timestamp); err != nil {
			return err
		}
	}
	if s.endpoint = effects.Endpoint; s.endpoint != 0 {
		address := *record.Endpoint
		address.Seq, address.AddedAt = s.endpoint, m.Timestamp
		if s.content, err = codec.EncodeEndpoint(&address); err != nil {
			return err
		}
	}
	if record.Tell != nil {
		s.channel = strings.Clone(record.Tell.Channel)
	}
	if effects.Outbound != nil {
		if s.outbound, err = codec.EncodeOutbound(effects.Outbound); err != nil {
			return err
		}
	}
	if s.repeat == inbox.SameID {
		s.first = firstOffset(row, record.Identity())
	}
	if s.repeat != inbox.NoRepeat || s.delivery > inbox.Scheduled {
		// They outlive the record that they are part of.
		s.rule, s.source = strings.Clone(record.Rule), strings.Clone(record.Notification.Source)
	}
	out.steps, out.removed = append(out.steps, s), append(out.removed, effects.Removed...)
	out.gone = append(out.gone, effects.GoneEndpoints...)
	return nil
}

// write writes all that records led to.
func (u *Unread) write(c *engine.Context, out folded) {
	table, key := u.Prefix.InboxTable(), c.Key()
	contents := make([]*kgo.Record, 0, len(out.steps))
	after := make([]*kgo.Record, 0, len(out.removed)+len(out.gone))
	for i := range out.steps {
		s := &out.steps[i]
		headers, end := u.span(c, s.record, "fold")
		defer end()
		switch {
		case out.keeps(s):
			contents = append(contents, kafka.NewRecord(table, inbox.ItemKey(key, s.seq), s.content, headers))
		case out.keepsEndpoint(s):
			contents = append(contents, kafka.NewRecord(table, inbox.EndpointKey(key, s.endpoint), s.content, headers))
		}
		if s.outbound != nil {
			after = append(after, kafka.NewRecord(u.Prefix.Outbound(), key, s.outbound, headers))
		}
		u.noteTell(s)
		u.noteRepeat(c, s)
		u.noteTime(c, s)
		u.processed.one(string(s.outcome), s.record.Timestamp)
	}
	for _, seq := range out.removed {
		after = append(after, kafka.NewRecord(table, inbox.ItemKey(key, seq), nil, nil))
	}
	for _, seq := range out.gone {
		after = append(after, kafka.NewRecord(table, inbox.EndpointKey(key, seq), nil, nil))
	}
	c.Write(contents)
	if u.Rows != nil {
		// Before the row is written: what is refused behind it must count.
		u.Rows.Accepted(key)
	}
	if out.row != nil {
		c.SetRow(out.row, after)
	}
}

// noteRepeat has what is dropped for its id compared, counted and told.
func (u *Unread) noteRepeat(c *engine.Context, s *step) {
	if s.repeat == inbox.NoRepeat {
		return
	}
	one := dropped{s.rule, s.source, c.Partition(), s.record.Offset}
	switch {
	case s.repeat == inbox.OtherContent:
		u.tellRepeat(one, contentOther)
	case !u.Repeats.offer(repeated{one, s.record.Value, s.first}):
		u.tellRepeat(one, contentUnknown)
	}
}

// noteTime counts and tells what was to be shown later and is shown at once, and what is
// not done since its user has as many hidden items, muted categories or topics as there may be.
func (u *Unread) noteTime(c *engine.Context, s *step) {
	if s.outcome == inbox.Full {
		u.Metrics.refusals.WithLabelValues(s.kind.String()).Inc()
		if log, more := u.sometimes("full", s.kind.String(), ""); log != nil {
			log.Info("command changes nothing, its user has as many as there may be: 100 hidden items, 64 muted categories, 256 topics", "kind", s.kind.String(), "partition", c.Partition(), "offset", s.record.Offset, "more", more)
		}
	}
	cause, why := "past", "its deliver_at has passed"
	switch s.delivery {
	case inbox.Late:
	case inbox.Crowded:
		cause, why = "full", "its recipient has 100 hidden items, as many as there may be"
	default:
		return
	}
	u.Metrics.atOnce.WithLabelValues(cause).Inc()
	if log, more := u.sometimes("at once", s.rule, cause); log != nil {
		log.Info("notification is shown at once, although its sender has scheduled it", "why", why, "rule", s.rule, "source", s.source, "partition", c.Partition(), "offset", s.record.Offset, "more", more)
	}
}
