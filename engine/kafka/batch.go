package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// batchBytes bounds the answer to [BatchAt]; a larger batch comes whole.
const batchBytes = 1 << 20

// Batch is what lies at an offset.
type Batch struct {
	Records []*kgo.Record // of the first batch, from that offset on; none of a transaction that was rolled back, no markers
	Next    int64         // the first offset after the batch, or after nothing
	End     int64         // the last stable offset
}

// BatchAt fetches the first batch at or after an offset from the partition's
// leader, without waiting for one.
func BatchAt(ctx context.Context, client *kgo.Client, leader int32, topic string, id TopicID, partition int32, offset int64) (Batch, error) {
	return batchAt(ctx, client, leader, topic, id, partition, offset, kgo.ReadCommitted())
}

// WrittenAt returns the timestamp of the first record at or after an offset, also
// of a transaction that is open; zero if there is none in the first batch.
func WrittenAt(ctx context.Context, client *kgo.Client, leader int32, topic string, id TopicID, partition int32, offset int64) (time.Time, error) {
	batch, err := batchAt(ctx, client, leader, topic, id, partition, offset, kgo.ReadUncommitted())
	if err != nil || len(batch.Records) == 0 {
		return time.Time{}, err
	}
	return batch.Records[0].Timestamp, nil
}

func batchAt(ctx context.Context, client *kgo.Client, leader int32, topic string, id TopicID, partition int32, offset int64, isolation kgo.IsolationLevel) (Batch, error) {
	r := kmsg.NewPtrFetchRequest()
	r.MaxBytes = batchBytes
	if isolation == kgo.ReadCommitted() {
		r.IsolationLevel = readCommitted
	}
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
		return Batch{Next: offset, End: got.LastStableOffset}, nil
	}
	fetched, after := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: topic, Partition: partition, Offset: offset, IsolationLevel: isolation},
		got, kgo.DefaultDecompressor(), nil)
	if fetched.Err == nil && after <= offset {
		fetched.Err = errors.New("the answer holds no whole batch")
	}
	// A batch that compaction has emptied is kept for its producer's sake.
	return Batch{fetched.Records, after, got.LastStableOffset}, fetched.Err
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
// was compacted away, or marks a transaction or belongs to one that was not
// committed.
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

// passedAtOnce is how many batches without a record [Topics.HasRecord] passes over.
const passedAtOnce = 64

// HasRecord reports whether there is a record at or after offset that a consumer
// gets now. Markers, what was rolled back and what compaction has emptied is
// passed over, passedAtOnce batches of it.
func (t *Topics) HasRecord(ctx context.Context, topic string, partition int32, offset int64) (bool, error) {
	for range passedAtOnce {
		batches, err := t.batchesAt(ctx, topic, map[int32]int64{partition: offset})
		if found := batches[partition]; err != nil || len(found.Records) > 0 || found.Next <= offset {
			return len(found.Records) > 0, err
		}
		offset = batches[partition].Next
	}
	return false, nil
}

// RecordsEnd returns the offset after the last record of a partition below end
// that a consumer gets, or start if there is none from start on: what lies between
// it and end are markers of transactions, what was rolled back and what compaction
// has removed. End may not be above the last stable offset.
func (t *Topics) RecordsEnd(ctx context.Context, topic string, partition int32, start, end int64) (int64, error) {
	// Mostly the last offset is a record's; else further back, in windows that
	// double.
	for back := int64(1); ; back *= 2 {
		from := max(start, end-back)
		last, err := t.lastRecord(ctx, topic, partition, from, end)
		if err != nil || last >= 0 {
			return last + 1, err
		}
		if from == start {
			return start, nil
		}
	}
}

// lastRecord returns the offset of the last record from one offset up to, but
// without, another; -1 if there is none.
func (t *Topics) lastRecord(ctx context.Context, topic string, partition int32, from, end int64) (int64, error) {
	last := int64(-1)
	for from < end {
		batches, err := t.batchesAt(ctx, topic, map[int32]int64{partition: from})
		found := batches[partition]
		if err != nil || found.Next <= from {
			return last, err
		}
		for _, r := range found.Records {
			if r.Offset < end {
				last = r.Offset
			}
		}
		from = found.Next
	}
	return last, nil
}
