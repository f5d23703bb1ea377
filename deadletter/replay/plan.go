package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/sources"
)

// plan says what the letter leads to, and with what records.
func (r *Replayer) plan(ctx context.Context, l *deadletter.Letter, again bool) (deadletter.ReplayOutcome, []*kgo.Record) {
	out := deadletter.ReplayOutcome{Letter: l}
	refuse := func(format string, args ...any) (deadletter.ReplayOutcome, []*kgo.Record) {
		out.Result, out.Problem = deadletter.ReplayRefused, fmt.Sprintf(format, args...)
		return out, nil
	}
	switch {
	case l.Reason == deadletter.ReasonForeign:
		return refuse("it is not a dead letter: somebody else wrote it into the topic")
	case l.Cut():
		return refuse("it was cut to fit: only a part of the record is here; let its producer send it again")
	case l.Replayed && !again:
		out.Result = deadletter.ReplayAgain
		return out, nil
	}
	var records []*kgo.Record
	err := engine.Guard(func() (err error) {
		switch l.Group {
		case r.Prefix.RouterGroup(l.Topic):
			out.Writes, records, out.Problem, err = r.route(ctx, l)
		case r.Prefix.UnreadGroup():
			out.Writes, records, err = r.journal(l)
		case r.Prefix.WebPushGroup(), r.Prefix.MailGroup():
			records, err = r.outbound(l)
		case r.Prefix.RequestsGroup():
			records = r.request(l)
		case r.Prefix.FormerInboxGroup():
			out.Writes, records, err = r.item(l)
		default:
			err = notReplayable(fmt.Sprintf("group %s is none of the installation with prefix %s", l.Group, r.Prefix))
		}
		return err
	})
	var refused notReplayable
	switch {
	case errors.As(err, &refused):
		return refuse("%v", refused)
	case err != nil:
		out.Result, out.Problem = deadletter.ReplayFailed, err.Error()
		out.Writes, records = nil, nil
	case len(records) == 0:
		out.Result = deadletter.ReplayNobody
	default:
		out.Result = deadletter.ReplayDone
	}
	return out, records
}

// notReplayable is why a letter can never be replayed.
type notReplayable string

func (r notReplayable) Error() string { return string(r) }

// route applies the rules of today. Left says who is left out, beside the others.
func (r *Replayer) route(ctx context.Context, l *deadletter.Letter) (writes []deadletter.ReplayWrite, records []*kgo.Record, left string, err error) {
	if l.TopicID == [16]byte{} {
		return nil, nil, "", notReplayable("it does not tell which incarnation of the topic the record was read from, so that its ids cannot be made")
	}
	rules, ok := r.Rules(l.Topic)
	if !ok {
		return nil, nil, "", fmt.Errorf("no source of the rules is for topic %s", l.Topic)
	}
	deliveries, err := rules.Route(sources.Record{
		Topic: l.Topic, TopicID: l.TopicID, Partition: l.Partition, Offset: l.Offset,
		Timestamp: l.Timestamp, Key: l.Key, Value: l.Value, Headers: l.Headers,
	})
	switch {
	case errors.Is(err, belfry.ErrTombstone):
		return nil, nil, "", nil
	case err != nil:
		return nil, nil, "", err
	}
	for _, d := range deliveries {
		switch {
		case l.Part && d.Rule != l.Rule:
			continue // had its own outcome, which is written
		case d.Refused != nil && l.Part:
			return nil, nil, "", d.Refused
		}
		if d.Refused != nil {
			left = "left out: " + d.Refused.Error()
		}
		if !d.Delivers() {
			continue
		}
		partitions := 0
		if d.Record.Audience() != "" {
			if partitions, err = r.partitions(ctx); err != nil {
				return nil, nil, "", err
			}
		}
		d.Record.Origin = inbox.Origin{}
		value, err := codec.EncodeRecord(d.Record)
		if err != nil {
			return nil, nil, "", err
		}
		writes = append(writes, deadletter.ReplayWrite{Recipients: d.Recipients, Record: d.Record})
		for _, key := range d.Keys(partitions) {
			records = append(records, &kgo.Record{
				Topic: r.Prefix.Journal(), Key: []byte(key), Value: value, Headers: kafka.RecordHeaders(deadletter.WithReplayOf(nil, l.Attempt)),
			})
		}
	}
	return writes, records, left, nil
}

// partitions looks up how many the journal has.
func (r *Replayer) partitions(ctx context.Context) (int, error) {
	info, _, err := kafka.LogRanges(ctx, r.Engine, r.Prefix.Journal())
	if err != nil {
		return 0, fmt.Errorf("look up the journal: %w", err)
	}
	return info.Partitions, nil
}

// journal writes a record of the journal again, which the fold has never seen.
func (r *Replayer) journal(l *deadletter.Letter) ([]deadletter.ReplayWrite, []*kgo.Record, error) {
	recipient := string(l.Key)
	_, partitions := belfry.ParsePartitionKey(recipient)
	if err := belfry.CheckRecipient(recipient); err != nil && !partitions {
		return nil, nil, notReplayable(fmt.Sprintf("its key is nobody's: %v", err))
	}
	record, err := codec.DecodeJournal(l.Value)
	if err == nil && partitions {
		err = board.CheckRecord(&record)
	}
	if err != nil {
		return nil, nil, err
	}
	value := l.Value
	if !record.Origin.IsZero() {
		// With its watermark it would be taken for one that was routed again.
		record.Origin = inbox.Origin{}
		if value, err = codec.EncodeRecord(record); err != nil {
			return nil, nil, err
		}
	}
	return []deadletter.ReplayWrite{{Recipients: []string{recipient}, Record: record}},
		[]*kgo.Record{{Topic: r.Prefix.Journal(), Key: l.Key, Value: value, Headers: kafka.RecordHeaders(deadletter.WithReplayOf(l.Headers, l.Attempt))}}, nil
}

// outbound has a decision come once more: its time is over, so its sender gives it back,
// and the owner of the row decides anew.
func (r *Replayer) outbound(l *deadletter.Letter) ([]*kgo.Record, error) {
	if err := belfry.CheckRecipient(string(l.Key)); err != nil {
		return nil, notReplayable(fmt.Sprintf("its key is nobody's: %v", err))
	}
	if _, err := codec.DecodeOutbound(l.Value); err != nil {
		return nil, err
	}
	return []*kgo.Record{{Topic: r.Prefix.Outbound(), Key: l.Key, Value: l.Value, Headers: kafka.RecordHeaders(l.Headers)}}, nil
}

// request asks once more what was asked over Kafka: whoever asked has given up, and drops an
// answer.
func (r *Replayer) request(l *deadletter.Letter) []*kgo.Record {
	return []*kgo.Record{{Topic: l.Topic, Partition: l.Partition, Key: l.Key, Value: l.Value, Headers: kafka.RecordHeaders(deadletter.WithReplayOf(l.Headers, l.Attempt))}}
}

// item writes a content again that a former release could not.
func (r *Replayer) item(l *deadletter.Letter) ([]deadletter.ReplayWrite, []*kgo.Record, error) {
	recipient, seq, ok := inbox.ParseItemKey(string(l.Key))
	if !ok {
		return nil, nil, notReplayable("its key is not recipient/seq")
	}
	if err := codec.CheckItem(string(l.Key), l.Value); err != nil {
		return nil, nil, err
	}
	write := deadletter.ReplayWrite{Recipients: []string{recipient}, Seq: seq}
	if l.Value != nil {
		item, err := codec.DecodeItem(l.Value)
		if err != nil {
			return nil, nil, err
		}
		write.Item = &item
	}
	return []deadletter.ReplayWrite{write},
		[]*kgo.Record{{Topic: r.Prefix.InboxTable(), Key: l.Key, Value: l.Value, Headers: kafka.RecordHeaders(deadletter.WithReplayOf(l.Headers, l.Attempt))}}, nil
}
