package table

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry/belfry/engine/kafka"
)

// lookedAt is what lies at an offset.
type Batch struct {
	Records []*kgo.Record // of the first batch, from that offset on
	Next    int64         // the first offset after the batch, or after nothing
	End     int64         // the high watermark
}

// lookAt fetches the first batch at or after an offset, without waiting for
// one. It is not ok if the broker has an error to tell.
func BatchAt(ctx context.Context, client *kgo.Client, leader int32, topic string, id kafka.TopicID, partition int32, offset int64) (Batch, bool) {
	r := kmsg.NewPtrFetchRequest()
	r.MaxBytes = feedPart
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = topic, id
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset = partition, offset
	p.PartitionMaxBytes = 1 // the first batch comes whole, however large
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	answer, err := client.Broker(int(leader)).Request(ctx, r)
	if err != nil {
		return Batch{}, false
	}
	resp, isFetch := answer.(*kmsg.FetchResponse)
	if !isFetch || resp.ErrorCode != 0 || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return Batch{}, false
	}
	got := &resp.Topics[0].Partitions[0]
	if kerr.ErrorForCode(got.ErrorCode) != nil || got.Partition != partition {
		return Batch{}, false
	}
	if len(got.RecordBatches) == 0 {
		return Batch{Next: offset, End: got.HighWatermark}, true
	}
	fetched, after := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: topic, Partition: partition, Offset: offset},
		got, kgo.DefaultDecompressor(), nil)
	// A batch that compaction has emptied is kept for its producer's sake.
	return Batch{fetched.Records, after, got.HighWatermark}, fetched.Err == nil && after > offset
}
