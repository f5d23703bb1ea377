package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// batchBytes bounds the answer to [BatchAt]; a larger batch comes whole.
const batchBytes = 1 << 20

// Batch is what lies at an offset.
type Batch struct {
	Records []*kgo.Record // of the first batch, from that offset on; no markers of transactions
	Next    int64         // the first offset after the batch, or after nothing
	End     int64         // the high watermark
}

// BatchAt fetches the first batch at or after an offset from the partition's
// leader, without waiting for one.
func BatchAt(ctx context.Context, client *kgo.Client, leader int32, topic string, id TopicID, partition int32, offset int64) (Batch, error) {
	r := kmsg.NewPtrFetchRequest()
	r.MaxBytes = batchBytes
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topic, id
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset = partition, offset
	p.PartitionMaxBytes = 1 // the first batch comes whole, however large
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	answer, err := client.Broker(int(leader)).Request(ctx, r)
	if err != nil {
		return Batch{}, err
	}
	resp, isFetch := answer.(*kmsg.FetchResponse)
	if !isFetch || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 || resp.Topics[0].Partitions[0].Partition != partition {
		return Batch{}, errors.New("the answer is about something else")
	}
	got := &resp.Topics[0].Partitions[0]
	if err := errors.Join(kerr.ErrorForCode(resp.ErrorCode), kerr.ErrorForCode(got.ErrorCode)); err != nil {
		return Batch{}, err
	}
	if len(got.RecordBatches) == 0 {
		return Batch{Next: offset, End: got.HighWatermark}, nil
	}
	fetched, after := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: topic, Partition: partition, Offset: offset},
		got, kgo.DefaultDecompressor(), nil)
	if fetched.Err == nil && after <= offset {
		fetched.Err = errors.New("the answer holds no whole batch")
	}
	// A batch that compaction has emptied is kept for its producer's sake.
	return Batch{fetched.Records, after, got.HighWatermark}, fetched.Err
}

// batchesAt is [BatchAt] for an offset in each of some partitions of a topic, of
// the leaders that they have now, which are looked up once.
func (t *Topics) batchesAt(ctx context.Context, topic string, offsets map[int32]int64) (map[int32]Batch, error) {
	if len(offsets) == 0 {
		return nil, nil
	}
	resp, err := Metadata(ctx, t.Client, []string{topic})
	if err != nil {
		return nil, err
	}
	batches := make(map[int32]Batch, len(offsets))
	for _, found := range resp.Topics {
		for _, p := range found.Partitions {
			offset, asked := offsets[p.Partition]
			if !asked || p.Leader < 0 {
				continue
			}
			if batches[p.Partition], err = BatchAt(ctx, t.Client, p.Leader, topic, found.TopicID, p.Partition, offset); err != nil {
				return nil, fmt.Errorf("read %s/%d at %d: %w", topic, p.Partition, offset, err)
			}
		}
	}
	for p := range offsets {
		if _, ok := batches[p]; !ok {
			return nil, fmt.Errorf("%s/%d has no leader", topic, p)
		}
	}
	return batches, nil
}

// Timestamps returns those of the records at some offsets, one in each partition,
// in milliseconds. A partition that has no record at its offset is left out: it
// was compacted away, or marks a transaction.
func (t *Topics) Timestamps(ctx context.Context, topic string, offsets map[int32]int64) (map[int32]int64, error) {
	batches, err := t.batchesAt(ctx, topic, offsets)
	if err != nil {
		return nil, err
	}
	times := make(map[int32]int64, len(batches))
	for p, batch := range batches {
		if len(batch.Records) > 0 && batch.Records[0].Offset == offsets[p] {
			times[p] = batch.Records[0].Timestamp.UnixMilli()
		}
	}
	return times, nil
}

// HasRecord reports whether the first batch at or after offset holds a record
// that a consumer gets.
func (t *Topics) HasRecord(ctx context.Context, topic string, partition int32, offset int64) (bool, error) {
	batches, err := t.batchesAt(ctx, topic, map[int32]int64{partition: offset})
	return len(batches[partition].Records) > 0, err
}
