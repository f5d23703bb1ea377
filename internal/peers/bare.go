package peers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
)

// bareRow is how large a row of [Bare] is: a middling one of Belfry's.
const bareRow = 1500

// Bare reads the journal of an installation and writes for each record a row of
// random bytes and the record itself as a content, until ctx ends. It commits once a
// second what both are acknowledged for. It keeps no state: what it takes is what
// Kafka's client takes.
func Bare(ctx context.Context, cfg kafka.Config, prefix belfry.Prefix) error {
	c, err := kgo.NewClient(append(cfg.ClientOptions("bare"),
		kgo.ConsumerGroup(prefix.UnreadGroup()), kgo.ConsumeTopics(prefix.Journal()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitMarks(), kgo.AutoCommitInterval(time.Second),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerLinger(5*time.Millisecond),
		kgo.MaxBufferedRecords(20_000), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return fmt.Errorf("open kafka client: %w", err)
	}
	defer c.Close()
	noise := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(noise) // never fails
	var failed atomic.Pointer[error]
	for at := 0; ctx.Err() == nil && failed.Load() == nil; {
		c.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			var left atomic.Int32
			left.Store(2)
			done := func(_ *kgo.Record, err error) {
				if err != nil {
					failed.CompareAndSwap(nil, &err)
				} else if left.Add(-1) == 0 {
					c.MarkCommitRecords(r)
				}
			}
			at = (at + 1777) % (len(noise) - bareRow)
			c.Produce(ctx, &kgo.Record{Topic: prefix.UnreadTable(), Partition: r.Partition, Key: r.Key, Value: noise[at : at+bareRow]}, done)
			key := inbox.ItemKey(string(r.Key), uint64(r.Offset)+1)
			c.Produce(ctx, &kgo.Record{Topic: prefix.InboxTable(), Partition: r.Partition, Key: []byte(key), Value: r.Value}, done)
		})
	}
	if err := failed.Load(); err != nil && !errors.Is(*err, context.Canceled) {
		return fmt.Errorf("write: %w", *err)
	}
	return nil
}
