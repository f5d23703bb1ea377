package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
)

// Writer writes records as they are: a key that is null stays so, and headers
// keep their order and repeats. It is safe for concurrent use.
type Writer struct {
	byKey       *Producer
	toPartition *Producer
}

// RawRecord is a record to be written.
type RawRecord struct {
	Topic   string
	Key     []byte // nil: null
	Value   []byte // nil: null
	Headers []belfry.Header
}

// OpenWriter connects to no broker before the first record.
func OpenWriter(cfg Config) (*Writer, error) {
	byKey, err := cfg.NewProducer("belfry", false)
	if err != nil {
		return nil, err
	}
	toPartition, err := cfg.NewProducer("belfry", false, kgo.RecordPartitioner(ByNumber()))
	if err != nil {
		return nil, errors.Join(err, byKey.Close())
	}
	return &Writer{byKey: byKey, toPartition: toPartition}, nil
}

// Write writes the records, in order for each key, where their keys belong (see
// [Partition]), and waits for the acknowledgement of all. After an error any of
// them may or may not have been written.
func (w *Writer) Write(ctx context.Context, records ...RawRecord) error {
	return write(ctx, w.byKey, 0, records)
}

// WriteTo is Write into one partition of each topic.
func (w *Writer) WriteTo(ctx context.Context, partition int32, records ...RawRecord) error {
	return write(ctx, w.toPartition, partition, records)
}

func write(ctx context.Context, p *Producer, partition int32, records []RawRecord) error {
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		errs error
	)
	for _, r := range records {
		if ctx.Err() != nil {
			break
		}
		record := &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Partition: partition}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		all.Add(1)
		p.Produce(record, func(_ *kgo.Record, err error) {
			defer all.Done()
			if err == nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if errs == nil {
				errs = fmt.Errorf("write to %s: %w", r.Topic, err)
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
		return ctx.Err()
	}
	mu.Lock()
	defer mu.Unlock()
	return errors.Join(errs, ctx.Err())
}

// Close waits for what is under way, for some seconds at the most, and
// disconnects. There must be no Write during or after it.
func (w *Writer) Close() error { return errors.Join(w.byKey.Close(), w.toPartition.Close()) }

// ByNumber has a record go to the partition with the number that it has, modulo
// how many there are.
func ByNumber() kgo.Partitioner {
	return kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
		return func(r *kgo.Record, n int) int { return int(r.Partition) % n }
	})
}
