package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
)

// Tally says how often the events of a load, numbered from 0, are in a table.
type Tally struct {
	Exact   int // once
	Lost    int // not at all
	Doubled int // occurrences beyond the first
	Strange int // occurrences of what was not sent
}

// count tallies the occurrences of sent events; strange ones are added by the
// caller.
func count(occurrences []int) (t Tally) {
	for _, n := range occurrences {
		switch {
		case n == 0:
			t.Lost++
		case n == 1:
			t.Exact++
		default:
			t.Doubled += n - 1
		}
	}
	return t
}

// held is what the tables hold, by the last value of each key.
type held struct {
	rows  map[string]inbox.State
	items map[string]inbox.Item // by recipient/seq
}

// compare reads both tables and fills in what it finds.
func (in *installation) compare(ctx context.Context, l *Loss) error {
	h := held{map[string]inbox.State{}, map[string]inbox.Item{}}
	err := in.ReadAll(ctx, in.Prefix.UnreadTable(), func(r *sarama.ConsumerMessage) error { return take(h.rows, r, codec.DecodeState) })
	if err == nil {
		err = in.ReadAll(ctx, in.Prefix.InboxTable(), func(r *sarama.ConsumerMessage) error { return take(h.items, r, codec.DecodeItem) })
	}
	if err != nil {
		return err
	}
	h.compare(l, in.Users)
	return nil
}

// compare holds the tables against the events 0 to Sent-1.
func (h *held) compare(l *Loss, users int) {
	byID, byHash, sentTo := map[string]int{}, map[uint64]int{}, map[string]int{}
	for i := range l.Sent {
		e := Event(i, users, time.Time{})
		byID[e.ID] = i
		byHash[inbox.IdentityHash(e.Source, e.ID, "")] = i
		sentTo[e.Recipient]++
	}
	box, rows := make([]int, l.Sent), make([]int, l.Sent)
	strangeItems, strangeEntries := 0, 0
	l.Apart = len(h.items)
	for key, item := range h.items {
		recipient, _, _ := inbox.ParseItemKey(key)
		if i, ok := byID[item.ID]; ok && Recipient(i, users) == recipient {
			box[i]++
		} else {
			strangeItems++
		}
	}
	for recipient, row := range h.rows {
		for _, e := range row.Items {
			if i, ok := byHash[e.Hash]; ok && Recipient(i, users) == recipient {
				rows[i]++
			} else {
				strangeEntries++
			}
			if _, ok := h.items[inbox.ItemKey(recipient, e.Seq)]; ok {
				l.Apart--
			} else {
				l.Apart++
			}
		}
		if row.Counts(time.Time{}).Unread != sentTo[recipient] {
			l.Wrong++
		}
		delete(sentTo, recipient)
	}
	l.Wrong += len(sentTo) // users without a row
	l.Inbox, l.Rows = count(box), count(rows)
	l.Inbox.Strange, l.Rows.Strange = strangeItems, strangeEntries
}

// take sets a key of a table to its newest value.
func take[T any](table map[string]T, r *sarama.ConsumerMessage, decode func([]byte) (T, error)) error {
	if r.Value == nil {
		delete(table, string(r.Key))
		return nil
	}
	value, err := decode(r.Value)
	if err != nil {
		return fmt.Errorf("decode the value of %s in %s/%d at %d: %w", r.Key, r.Topic, r.Partition, r.Offset, err)
	}
	table[string(r.Key)] = value
	return nil
}

// ReadAll reads the partitions of a topic one after the other, to the end that each has then.
func (in *installation) ReadAll(ctx context.Context, topic string, visit func(*sarama.ConsumerMessage) error) error {
	for p := range int32(in.Partitions) {
		if err := table.Scan(ctx, in.Kafka, topic, p, visit); err != nil {
			return fmt.Errorf("read %s: %w", topic, err)
		}
	}
	return nil
}
