package engine

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// flushTimeout bounds how long a producer that is closed waits for what is
// under way; what is not acknowledged by then fails.
const flushTimeout = 10 * time.Second

// producerLinger is how long a record waits for others to go with.
const producerLinger = 2 * time.Millisecond

// stopTimeout is how long who was told to stop waits for its writes.
const stopTimeout = 3 * time.Second

// producer is a goka.Producer on franz-go: idempotent, acks=all, and retrying
// without end (sarama's retries take memory by their number and give up). A
// record is therefore only refused for good by the brokers, which ends the
// processor.
//
// With failStop it writes nothing after a write has failed. A later record must
// never overtake a failed one: the failed one would be read and written again
// by the processor that is built anew, below the watermark that the later one
// left in the row, and be taken for a duplicate.
type producer struct {
	client   *kgo.Client
	failStop bool
	failed   atomic.Pointer[error]
	stale    atomic.Pointer[string] // a topic to be looked up anew
}

// newProducer connects to no broker before the first record.
func (c *Config) newProducer(clientID string, failStop bool, more ...kgo.Opt) (*producer, error) {
	options := append(c.ClientOptions(clientID),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
			return func(r *kgo.Record, n int) int { return int(Partition(string(r.Key), n)) }
		})),
		kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		// At 2,000 events/s a request for each record costs the brokers twice
		// the time that batches of 2 ms do, and p99 with it (docs/bench); under
		// full load batches form by themselves while others are in flight.
		kgo.ProducerLinger(producerLinger),
		// How soon a moved partition is found again.
		kgo.MetadataMinAge(250*time.Millisecond),
	)
	if failStop {
		options = append(options, kgo.StopProducerOnDataLossDetected())
	}
	client, err := kgo.NewClient(append(options, more...)...)
	if err != nil {
		return nil, fmt.Errorf("open producer: %w", err)
	}
	return &producer{client: client, failStop: failStop}, nil
}

// Emit implements goka.Producer.
func (p *producer) Emit(topic, key string, value []byte) *goka.Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

// EmitWithHeaders implements goka.Producer. It blocks while the client's
// buffers are full. A nil value is a tombstone.
func (p *producer) EmitWithHeaders(topic, key string, value []byte, headers goka.Headers) *goka.Promise {
	promise, finish := goka.NewPromiseWithFinisher()
	if err := p.failed.Load(); err != nil {
		finish(nil, fmt.Errorf("not written after an earlier failure: %w", *err))
		return promise
	}
	record := &kgo.Record{Topic: topic, Key: []byte(key), Value: value}
	for name, v := range headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: name, Value: v})
	}
	p.produce(record, func(r *kgo.Record, err error) {
		if err != nil {
			if p.failStop {
				p.failed.CompareAndSwap(nil, &err)
			}
			finish(nil, err)
			return
		}
		// goka wants to know the offset of a table's record.
		finish(&sarama.ProducerMessage{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}, nil)
	})
	return promise
}

// produce writes one record and calls done once, from any goroutine. The client
// knows a topic by its ID for life: one that was deleted and created again has
// to be forgotten, or every further write would fail.
func (p *producer) produce(record *kgo.Record, done func(*kgo.Record, error)) {
	if p.stale.Load() != nil {
		if topic := p.stale.Swap(nil); topic != nil {
			p.client.PurgeTopicsFromProducing(*topic)
		}
	}
	p.client.Produce(context.Background(), record, func(r *kgo.Record, err error) {
		if errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) {
			p.stale.Store(&r.Topic)
		}
		done(r, err)
	})
}

// Close waits for what is under way, for flushTimeout at the most, and fails
// the rest. It returns nil: whoever wrote has been told.
func (p *producer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	_ = p.client.Flush(ctx)
	p.client.Close()
	return nil
}

// gokaProducer is the builder for processors and emitters; what it builds is
// also stored in out. The hasher is ours, whatever goka passes.
func (c *Config) gokaProducer(failStop bool, out *atomic.Pointer[producer]) goka.ProducerBuilder {
	return func(_ []string, clientID string, _ func() hash.Hash32) (goka.Producer, error) {
		p, err := c.newProducer(clientID, failStop)
		if err != nil {
			return nil, err
		}
		out.Store(p)
		return p, nil
	}
}

// giveUp calls f, which goka has wait for every write, and fails the writes
// that are still under way stopTimeout after ctx has ended: without brokers
// they would be retried, and f would wait, without end.
func giveUp(ctx context.Context, out *atomic.Pointer[producer], f func() error) error {
	returned := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-ctx.Done():
		case <-returned:
			return
		}
		timer := time.NewTimer(stopTimeout)
		defer timer.Stop()
		select {
		case <-timer.C:
			if p := out.Load(); p != nil {
				p.client.Close()
			}
		case <-returned:
		}
	})
	err := f()
	close(returned)
	watch.Wait()
	return err
}
