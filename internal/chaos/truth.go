package chaos

import (
	"context"
	"fmt"
	"regexp"
	"strconv"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
)

// scanner reads what Kafka holds.
type scanner struct {
	kafka      engine.Config
	prefix     belfry.Prefix
	partitions int
}

// scan reads all partitions of a topic.
func (s *scanner) scan(ctx context.Context, topic string, visit func(*sarama.ConsumerMessage) error) error {
	for p := range int32(s.partitions) {
		if err := engine.Scan(ctx, s.kafka, topic, p, visit); err != nil {
			return fmt.Errorf("scan %s: %w", topic, err)
		}
	}
	return nil
}

// journal reads every record of the journal.
func (s *scanner) journal(ctx context.Context) ([]Journaled, error) {
	var all []Journaled
	err := s.scan(ctx, s.prefix.Journal(), func(m *sarama.ConsumerMessage) error {
		record, err := codec.DecodeRecord(m.Value)
		all = append(all, Journaled{
			Recipient: string(m.Key), Partition: m.Partition, Offset: m.Offset, Time: m.Timestamp, Record: record, Unreadable: err != nil,
		})
		return nil
	})
	return all, err
}

// truth reads all topics; the lists and what streams hold are not its business.
func (s *scanner) truth(ctx context.Context) (*Truth, error) {
	t := &Truth{}
	topics, err := engine.OpenTopics(s.kafka)
	if err != nil {
		return nil, err
	}
	defer topics.Close()
	infos, err := topics.Info(s.prefix.Journal())
	if err != nil {
		return nil, err
	}
	t.Epoch = infos[s.prefix.Journal()].ID.Epoch()
	if t.Journal, err = s.journal(ctx); err != nil {
		return nil, err
	}
	if t.Rows, t.Items, err = s.tables(ctx); err != nil {
		return nil, err
	}
	err = s.scan(ctx, s.prefix.DeadLetters(), func(m *sarama.ConsumerMessage) error {
		dead, err := deadOf(m)
		t.Dead = append(t.Dead, dead)
		return err
	})
	return t, err
}

// tables reads the last value of each key of both tables.
func (s *scanner) tables(ctx context.Context) (rows map[string]belfry.State, items map[string]belfry.Item, err error) {
	rows, items = map[string]belfry.State{}, map[string]belfry.Item{}
	err = s.scan(ctx, s.prefix.UnreadTable(), func(m *sarama.ConsumerMessage) error {
		return take(rows, m, codec.DecodeState)
	})
	if err != nil {
		return nil, nil, err
	}
	err = s.scan(ctx, s.prefix.InboxTable(), func(m *sarama.ConsumerMessage) error {
		return take(items, m, codec.DecodeItem)
	})
	return rows, items, err
}

// take sets a key of a table to its newest value.
func take[T any](table map[string]T, m *sarama.ConsumerMessage, decode func([]byte) (T, error)) error {
	if m.Value == nil {
		delete(table, string(m.Key))
		return nil
	}
	value, err := decode(m.Value)
	if err != nil {
		return fmt.Errorf("decode the value of %s at %s/%d, offset %d: %w", m.Key, m.Topic, m.Partition, m.Offset, err)
	}
	table[string(m.Key)] = value
	return nil
}

// deadOf reads a dead letter. The value need not be JSON to hold an id.
func deadOf(m *sarama.ConsumerMessage) (Dead, error) {
	var d Dead
	var partition, offset string
	// Ours stand behind the record's own.
	for _, h := range m.Headers {
		switch value := string(h.Value); string(h.Key) {
		case belfry.HeaderReason:
			d.Reason = belfry.Reason(value)
		case belfry.HeaderTopic:
			d.Topic = value
		case belfry.HeaderPartition:
			partition = value
		case belfry.HeaderOffset:
			offset = value
		}
	}
	p, err := strconv.ParseInt(partition, 10, 32)
	if err != nil {
		return d, fmt.Errorf("partition of the dead letter at offset %d: %w", m.Offset, err)
	}
	if d.Offset, err = strconv.ParseInt(offset, 10, 64); err != nil {
		return d, fmt.Errorf("offset of the dead letter at offset %d: %w", m.Offset, err)
	}
	d.Partition = int32(p)
	if id := regexp.MustCompile(`"id":"([^"]*)"`).FindSubmatch(m.Value); id != nil {
		d.ID = string(id[1])
	}
	return d, nil
}
