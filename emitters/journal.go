package emitters

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"go.opentelemetry.io/otel/trace"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
)

// Journal writes to the users' journals. It is safe for concurrent use.
type Journal struct {
	emitter *engine.Emitter
	topics  *kafka.Topics
	topic   string
	epoch   atomic.Uint32
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
	if j.emitter, err = engine.NewEmitter(cfg, j.topic); err != nil {
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
	var wait pending
	positions := make([]inbox.Position, len(messages))
	headers := kafka.TraceHeaders(trace.SpanContextFromContext(ctx))
	for i, m := range messages {
		promise, err := j.emitter.EmitWithHeaders(m.recipient, m.value, headers)
		if err != nil {
			return nil, fmt.Errorf("write journal: %w", err)
		}
		wait.add(promise, func(m *sarama.ProducerMessage) {
			positions[i] = inbox.Position{Epoch: j.epoch.Load(), Offset: m.Offset}
		})
	}
	if err := wait.done(ctx); err != nil {
		// A recreated journal is one reason why a write fails.
		return nil, errors.Join(fmt.Errorf("write journal: %w", err), j.refresh())
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
func (j *Journal) Close() error { return errors.Join(j.emitter.Finish(), j.topics.Close()) }

// pending waits for promises.
type pending struct {
	wg  sync.WaitGroup
	mu  sync.Mutex
	err error
}

func (p *pending) add(promise *goka.Promise, acknowledged func(*sarama.ProducerMessage)) {
	p.wg.Add(1)
	promise.ThenWithMessage(func(m *sarama.ProducerMessage, err error) {
		defer p.wg.Done()
		p.mu.Lock()
		defer p.mu.Unlock()
		if err != nil {
			p.err = err
		} else if acknowledged != nil {
			acknowledged(m)
		}
	})
}

func (p *pending) done(ctx context.Context) error {
	finished := make(chan struct{})
	go func() {
		defer close(finished) // ends with the last promise: sarama answers each
		p.wg.Wait()
	}()
	select {
	case <-finished:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
