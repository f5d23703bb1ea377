package engine

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// lookedAt is what lies at an offset.
type lookedAt struct {
	records []*kgo.Record // of the first batch, from that offset on
	next    int64         // the first offset after the batch, or after nothing
	end     int64         // the high watermark
}

// lookAt fetches the first batch at or after an offset, without waiting for
// one. It is not ok if the broker has an error to tell.
func lookAt(ctx context.Context, client *kgo.Client, leader int32, topic string, id TopicID, partition int32, offset int64) (lookedAt, bool) {
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
		return lookedAt{}, false
	}
	resp, isFetch := answer.(*kmsg.FetchResponse)
	if !isFetch || resp.ErrorCode != 0 || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return lookedAt{}, false
	}
	got := &resp.Topics[0].Partitions[0]
	if kerr.ErrorForCode(got.ErrorCode) != nil || got.Partition != partition {
		return lookedAt{}, false
	}
	if len(got.RecordBatches) == 0 {
		return lookedAt{next: offset, end: got.HighWatermark}, true
	}
	fetched, after := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: topic, Partition: partition, Offset: offset},
		got, kgo.DefaultDecompressor(), nil)
	// A batch that compaction has emptied is kept for its producer's sake.
	return lookedAt{fetched.Records, after, got.HighWatermark}, fetched.Err == nil && after > offset
}
