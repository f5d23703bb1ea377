package emitters

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
)

// Journal writes to the users' journals. It is safe for concurrent use.
type Journal struct {
	out    *kafka.Producer
	topics *kafka.Topics
	topic  string
	epoch  atomic.Uint32
}

// OpenJournal connects to the brokers; the journal topic must exist.
func OpenJournal(cfg kafka.Config, prefix belfry.Prefix) (*Journal, error) {
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		return nil, err
	}
	j := &Journal{topics: topics, topic: prefix.Journal()}
	if err := j.refresh(); err != nil {
		return nil, errors.Join(err, topics.Close())
	}
	if j.out, err = open(cfg); err != nil {
		return nil, errors.Join(err, topics.Close())
	}
	return j, nil
}

// refresh learns which incarnation of the journal is written to.
func (j *Journal) refresh() error {
	infos, err := j.topics.Info(j.topic)
	if err == nil {
		j.epoch.Store(infos[j.topic].ID.Epoch())
	}
	return err
}

// Append writes the records, in order for each recipient, and waits for the
// broker's acknowledgement of all. They carry on the trace that ctx is in. There
// is a position for each recipient of each record, in that order. After an error
// any of them may or may not have been written; when ctx ends first, they
// probably will be.
func (j *Journal) Append(ctx context.Context, records ...inbox.Addressed) ([]inbox.Position, error) {
	messages, err := encode(records)
	if err != nil {
		return nil, err
	}
	written, err := write(ctx, j.out, j.topic, messages, kafka.TraceHeaders(trace.SpanContextFromContext(ctx)))
	if err != nil {
		// A recreated journal is one reason why a write fails.
		return nil, errors.Join(fmt.Errorf("write journal: %w", err), j.refresh())
	}
	positions := make([]inbox.Position, len(written))
	for i, r := range written {
		positions[i] = inbox.Position{Epoch: j.epoch.Load(), Offset: r.Offset}
	}
	return positions, nil
}

// encode returns a message for each recipient of each record; those of one record
// share its encoding.
func encode(records []inbox.Addressed) ([]message, error) {
	n := 0
	for i := range records {
		n += len(records[i].Recipients)
	}
	messages := make([]message, 0, n)
	for i := range records {
		value, err := codec.EncodeRecord(records[i].Record)
		if err != nil {
			return nil, fmt.Errorf("encode %s record: %w", records[i].Record.Kind, err)
		}
		for _, recipient := range records[i].Recipients {
			messages = append(messages, message{recipient, value})
		}
	}
	return messages, nil
}

// Close waits for what is under way and disconnects. There must be no Append
// during or after it.
func (j *Journal) Close() error { return errors.Join(j.out.Stop(), j.topics.Close()) }
