package kafka

import (
	"context"
	"errors"
	"fmt"
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

// stopTimeout is how long a process that was told to stop waits for its writes.
const stopTimeout = 3 * time.Second

// Producer is a goka.Producer on franz-go: idempotent, acks=all, and retrying
// without end (sarama's retries take memory by their number and give up). A
// record is therefore only refused for good by the brokers, which ends the
// processor.
//
// With failStop it writes nothing after a write has failed. A later record must
// never overtake a failed one: the failed one would be read and written again
// by the processor that is built anew, below the watermark that the later one
// left in the row, and be taken for a duplicate.
type Producer struct {
	Client   *kgo.Client
	failStop bool
	failed   atomic.Pointer[error]
	stale    atomic.Pointer[string] // a topic to be looked up anew
	brokers  connections
}

// NewProducer connects to no broker before the first record. A record goes where
// its key belongs (see [Partition]); one without a key to the partition that it
// names.
func (c *Config) NewProducer(clientID string, failStop bool, more ...kgo.Opt) (*Producer, error) {
	p := &Producer{failStop: failStop}
	options := []kgo.Opt{
		kgo.WithHooks(&p.brokers),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
			return func(r *kgo.Record, n int) int {
				if r.Key == nil {
					return int(r.Partition) % n
				}
				return int(Partition(string(r.Key), n))
			}
		})),
		kgo.WithCompressor(batches),
		// At 2,000 events/s a request for each record costs the brokers twice
		// the time that batches of 2 ms do, and p99 with it (docs/bench); under
		// full load batches form by themselves while others are in flight.
		kgo.ProducerLinger(producerLinger),
		// A moved partition is found again as soon as this.
		kgo.MetadataMinAge(250 * time.Millisecond),
	}
	if failStop {
		options = append(options, kgo.StopProducerOnDataLossDetected())
	}
	var err error
	if p.Client, err = c.NewClient(clientID, append(options, more...)...); err != nil {
		return nil, fmt.Errorf("open producer: %w", err)
	}
	return p, nil
}

// Emit implements goka.Producer.
func (p *Producer) Emit(topic, key string, value []byte) *goka.Promise {
	return p.EmitWithHeaders(topic, key, value, nil)
}

// EmitWithHeaders implements goka.Producer. It blocks while the client's
// buffers are full. A nil value is a tombstone.
func (p *Producer) EmitWithHeaders(topic, key string, value []byte, headers goka.Headers) *goka.Promise {
	promise, finish := goka.NewPromiseWithFinisher()
	p.Send(NewRecord(topic, key, value, headers), func(r *kgo.Record, err error) {
		if err != nil {
			finish(nil, err)
			return
		}
		// goka wants to know the offset of a table's record.
		finish(&sarama.ProducerMessage{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}, nil)
	})
	return promise
}

// Send writes one record and calls done once, from any goroutine, also from this
// one. It blocks while the client's buffers are full.
func (p *Producer) Send(record *kgo.Record, done func(*kgo.Record, error)) {
	if err := p.failed.Load(); err != nil {
		done(record, fmt.Errorf("not written after an earlier failure: %w", *err))
		return
	}
	p.Produce(record, func(r *kgo.Record, err error) {
		if err != nil && p.failStop {
			p.failed.CompareAndSwap(nil, &err)
		}
		done(r, err)
	})
}

// Write writes the records, in order for each key, and waits for the
// acknowledgement of all: then each has its offset. After an error any of them
// may or may not have been written, and none may be read.
func (p *Producer) Write(ctx context.Context, records ...*kgo.Record) error {
	var (
		all    sync.WaitGroup
		failed atomic.Pointer[error]
	)
	for _, r := range records {
		if ctx.Err() != nil {
			break
		}
		all.Add(1)
		p.Produce(r, func(r *kgo.Record, err error) {
			defer all.Done()
			if err != nil {
				err = fmt.Errorf("write to %s: %w", r.Topic, err)
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	finished := make(chan struct{})
	go func() { // ends with the last acknowledgement: the client answers each, on Close at the latest
		defer close(finished)
		all.Wait()
	}()
	select {
	case <-finished:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := failed.Load(); err != nil {
		return *err
	}
	return ctx.Err()
}

// ErrNoBroker is the cause with which [Producer.Reachable] ends a context.
var ErrNoBroker = errors.New("no broker can be reached")

// brokerPatience is how long no broker may be connected before who waits for an
// acknowledgement is told; a broker that is slow to acknowledge is another matter.
const brokerPatience = 5 * time.Second

// Reachable returns a context that ends with ctx, and with [ErrNoBroker] once no
// broker has been connected for brokerPatience. The caller must call its function.
func (p *Producer) Reachable(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	began := time.Now()
	var look *time.Timer
	var mu sync.Mutex // look is set before it is used
	mu.Lock()
	look = time.AfterFunc(brokerPatience, func() {
		mu.Lock()
		defer mu.Unlock()
		switch away := p.brokers.away(began); {
		case away >= brokerPatience:
			end(ErrNoBroker)
		case ctx.Err() == nil:
			look.Reset(brokerPatience - away)
		}
	})
	mu.Unlock()
	return ctx, func() {
		end(nil)
		look.Stop()
	}
}

// Produce writes one record and calls done once, from any goroutine. The client
// knows a topic by its ID for life: one that was deleted and created again has
// to be forgotten, or every further write would fail.
func (p *Producer) Produce(record *kgo.Record, done func(*kgo.Record, error)) {
	if p.stale.Load() != nil {
		if topic := p.stale.Swap(nil); topic != nil {
			p.Client.PurgeTopicsFromProducing(*topic)
		}
	}
	p.Client.Produce(context.Background(), record, func(r *kgo.Record, err error) {
		if errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) {
			p.stale.Store(&r.Topic)
		}
		done(r, err)
	})
}

// Close waits for what is under way, for flushTimeout at the most, and fails
// the rest. It returns nil: whoever wrote has been told.
func (p *Producer) Close() error { return p.close(flushTimeout) }

// Stop is [Producer.Close] in a process that ends: it waits for stopTimeout at
// the most.
func (p *Producer) Stop() error { return p.close(stopTimeout) }

func (p *Producer) close(patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = p.Client.Flush(ctx)
	p.Client.Close()
	return nil
}

// GiveUp calls f, which goka has wait for every write, and fails the writes
// that are still under way stopTimeout after ctx has ended: without brokers
// they would be retried, and f would wait, without end.
func GiveUp(ctx context.Context, out *atomic.Pointer[Producer], f func() error) error {
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
				p.Client.Close()
			}
		case <-returned:
		}
	})
	err := f()
	close(returned)
	watch.Wait()
	return err
}

// ByNumber has a record go to the partition with the number that it has, modulo
// how many there are.
func ByNumber() kgo.Partitioner {
	return kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
		return func(r *kgo.Record, n int) int { return int(r.Partition) % n }
	})
}
