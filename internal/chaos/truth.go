package chaos

import (
	"context"
	"fmt"
	"regexp"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/chaos/history"
)

// scanner reads what Kafka holds.
type scanner struct {
	kafka      kafka.Config
	prefix     belfry.Prefix
	partitions int
}

// scan reads all partitions of a topic.
func (s *scanner) scan(ctx context.Context, topic string, visit func(*sarama.ConsumerMessage) error) error {
	for p := range int32(s.partitions) {
		if err := table.Scan(ctx, s.kafka, topic, p, visit); err != nil {
			return fmt.Errorf("scan %s: %w", topic, err)
		}
	}
	return nil
}

// journal reads every record of the journal.
func (s *scanner) journal(ctx context.Context) ([]history.Journaled, error) {
	var all []history.Journaled
	err := s.scan(ctx, s.prefix.Journal(), func(m *sarama.ConsumerMessage) error {
		record, err := codec.DecodeRecord(m.Value)
		all = append(all, history.Journaled{
			Recipient: string(m.Key), Partition: m.Partition, Offset: m.Offset, Time: m.Timestamp, Record: record, Unreadable: err != nil,
		})
		return nil
	})
	return all, err
}

// truth reads all topics; the lists and what streams hold are not its business.
func (s *scanner) truth(ctx context.Context) (*history.Truth, error) {
	t := &history.Truth{Partitions: s.partitions}
	topics, err := kafka.OpenTopics(s.kafka)
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
	if err := s.tables(ctx, t); err != nil {
		return nil, err
	}
	if t.Outbound, err = s.outbound(ctx); err != nil {
		return nil, err
	}
	err = s.scan(ctx, s.prefix.DeadLetters(), func(m *sarama.ConsumerMessage) error {
		dead, ok, err := deadOf(m)
		if ok {
			t.Dead = append(t.Dead, dead)
		}
		return err
	})
	return t, err
}

// outbound reads every decision of the outbound topic.
func (s *scanner) outbound(ctx context.Context) ([]history.Decided, error) {
	var all []history.Decided
	err := s.scan(ctx, s.prefix.Outbound(), func(m *sarama.ConsumerMessage) error {
		o, err := codec.DecodeOutbound(m.Value)
		if err != nil {
			return fmt.Errorf("decode the decision at %s/%d, offset %d: %w", m.Topic, m.Partition, m.Offset, err)
		}
		all = append(all, history.Decided{User: string(m.Key), Outbound: o})
		return nil
	})
	return all, err
}

// tables reads the last value of each key of both tables into t.
func (s *scanner) tables(ctx context.Context, t *history.Truth) error {
	t.Rows, t.Boards, t.Items, t.Endpoints = map[string]inbox.State{}, map[string]board.Row{}, map[string]inbox.Item{}, map[string]inbox.Address{}
	err := s.scan(ctx, s.prefix.UnreadTable(), func(m *sarama.ConsumerMessage) error {
		if _, own := belfry.ParsePartitionKey(string(m.Key)); own {
			return take(t.Boards, m, codec.DecodeBoard)
		}
		return take(t.Rows, m, codec.DecodeState)
	})
	if err != nil {
		return err
	}
	return s.scan(ctx, s.prefix.InboxTable(), func(m *sarama.ConsumerMessage) error {
		if _, _, ok := inbox.ParseEndpointKey(string(m.Key)); ok {
			return take(t.Endpoints, m, codec.DecodeEndpoint)
		}
		return take(t.Items, m, codec.DecodeItem)
	})
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

// deadOf reads a dead letter; of what else is in its topic it is not ok. The
// value need not be JSON to hold an id.
func deadOf(m *sarama.ConsumerMessage) (d history.Dead, ok bool, err error) {
	headers := make([]belfry.Header, len(m.Headers))
	for i, h := range m.Headers {
		headers[i] = belfry.Header{Key: string(h.Key), Value: h.Value}
	}
	if _, mark := deadletter.ParseReplayedMark(headers); mark {
		return history.Dead{}, false, nil
	}
	letter, _, err := deadletter.ParseEnvelope(headers)
	if err != nil {
		return history.Dead{}, false, fmt.Errorf("dead letter at offset %d: %w", m.Offset, err)
	}
	d = history.Dead{Reason: letter.Reason, Topic: letter.Topic, Partition: letter.Partition, Offset: letter.Offset}
	if id := regexp.MustCompile(`"id":"([^"]*)"`).FindSubmatch(m.Value); id != nil {
		d.ID = string(id[1])
	}
	return d, true, nil
}
