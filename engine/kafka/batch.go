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

// batchAt is [BatchAt] of the leader that the partition has now.
func (t *Topics) batchAt(ctx context.Context, topic string, partition int32, offset int64) (Batch, error) {
	resp, err := Metadata(ctx, t.Client, []string{topic})
	if err != nil {
		return Batch{}, err
	}
	for _, found := range resp.Topics {
		for _, p := range found.Partitions {
			if p.Partition == partition && p.Leader >= 0 {
				return BatchAt(ctx, t.Client, p.Leader, topic, found.TopicID, partition, offset)
			}
		}
	}
	return Batch{}, fmt.Errorf("%s/%d has no leader", topic, partition)
}

// Timestamp returns that of one record, in milliseconds, or -1 if there is none
// at that offset (it was compacted away, or marks a transaction).
func (t *Topics) Timestamp(ctx context.Context, topic string, partition int32, offset int64) (int64, error) {
	batch, err := t.batchAt(ctx, topic, partition, offset)
	if err != nil {
		return -1, fmt.Errorf("read %s/%d at %d: %w", topic, partition, offset, err)
	}
	if len(batch.Records) > 0 && batch.Records[0].Offset == offset {
		return batch.Records[0].Timestamp.UnixMilli(), nil
	}
	return -1, nil
}

// HasRecord reports whether the first batch at or after offset holds a record
// that a consumer gets.
func (t *Topics) HasRecord(ctx context.Context, topic string, partition int32, offset int64) (bool, error) {
	batch, err := t.batchAt(ctx, topic, partition, offset)
	return len(batch.Records) > 0, err
}
