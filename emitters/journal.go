package emitters

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

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

	looks    sync.WaitGroup
	mu       sync.Mutex // for what follows
	lookedAt time.Time
	looking  chan struct{} // closed when the look-up under way is over

	skew                    time.Duration // see Skew
	comparingAt, comparedAt time.Time
}

// The journal may be deleted and created again under a server that goes on, and
// brokers before Kafka 4.0 take what is written by the topic's name: a write that
// succeeds does not tell whether it is still the same. So it is looked up beside a
// write, when that was lookEvery ago. A write that is acknowledged waits for lookWait
// at the most.
const (
	lookEvery = time.Second
	lookWait  = time.Second
)

// OpenJournal connects to the brokers; the journal topic must exist.
func OpenJournal(cfg kafka.Config, prefix belfry.Prefix) (*Journal, error) {
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		return nil, err
	}
	j := &Journal{topics: topics, topic: prefix.Journal()}
	if err := j.refresh(context.Background()); err != nil {
		return nil, errors.Join(err, topics.Close())
	}
	if j.out, err = open(cfg); err != nil {
		return nil, errors.Join(err, topics.Close())
	}
	return j, nil
}

// refresh learns which incarnation of the journal is written to.
func (j *Journal) refresh(ctx context.Context) error {
	info, err := j.topics.InfoOf(ctx, j.topic)
	if err == nil {
		j.epoch.Store(info.ID.Epoch())
	}
	return err
}

// Epoch looks up which incarnation of the journal there is now.
func (j *Journal) Epoch(ctx context.Context) (uint32, error) {
	_, epoch, err := j.Now(ctx)
	return epoch, err
}

// Now looks up how many partitions the journal has, and its epoch.
func (j *Journal) Now(ctx context.Context) (partitions int, epoch uint32, err error) {
	info, err := j.topics.InfoOf(ctx, j.topic)
	if err != nil {
		return 0, 0, fmt.Errorf("look up the journal: %w", err)
	}
	return info.Partitions, info.ID.Epoch(), nil
}

// look looks the journal up, if that is due. The channel is closed when the
// epoch is not older than lookEvery, or is not known better.
func (j *Journal) look() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if time.Since(j.lookedAt) < lookEvery {
		return j.looking
	}
	done := make(chan struct{})
	j.lookedAt, j.looking = time.Now(), done
	j.looks.Go(func() {
		defer close(done)
		ctx, end := context.WithTimeout(context.Background(), 2*lookWait)
		defer end()
		// Its error needs no word: what keeps it from the brokers keeps the write from them, too.
		_ = j.refresh(ctx)
	})
	return done
}

// present returns the epoch as a look-up has it, if that comes in time.
func (j *Journal) present(ctx context.Context, looked <-chan struct{}) uint32 {
	wait := time.NewTimer(lookWait)
	defer wait.Stop()
	select {
	case <-looked:
	case <-wait.C:
	case <-ctx.Done():
	}
	return j.epoch.Load()
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
	looked := j.look()
	sent := time.Now()
	written, err := write(ctx, j.out, j.topic, messages, kafka.TraceHeaders(trace.SpanContextFromContext(ctx)))
	if err != nil {
		return nil, fmt.Errorf("write journal: %w", err)
	}
	if len(written) > 0 {
		j.compare(sent, time.Now(), written[0])
	}
	epoch := j.present(ctx, looked)
	positions := make([]inbox.Position, len(written))
	for i, r := range written {
		positions[i] = inbox.Position{Epoch: epoch, Offset: r.Offset}
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
func (j *Journal) Close() error {
	j.looks.Wait()
	return errors.Join(j.out.Stop(), j.topics.Close())
}
