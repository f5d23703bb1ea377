package bomb

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Batch returns a batch v2 of so many records, whose values are so many bytes of zero.
// Its offsets begin at 0.
func Batch(codec kgo.CompressionCodec, records, size int) ([]byte, error) {
	value := make([]byte, size)
	return Filled(codec, records, func() []byte { return value })
}

// Filled is [Batch] with values of one's own.
func Filled(codec kgo.CompressionCodec, records int, next func() []byte) ([]byte, error) {
	var body []byte
	for i := range records {
		value := next()
		var r []byte
		r = append(r, 0) // attributes
		r = binary.AppendVarint(r, 0)
		r = binary.AppendVarint(r, int64(i))
		r = binary.AppendVarint(r, -1) // no key
		r = binary.AppendVarint(r, int64(len(value)))
		r = append(r, value...)
		r = binary.AppendVarint(r, 0) // headers
		body = append(binary.AppendVarint(body, int64(len(r))), r...)
	}
	return Of(codec, records, body)
}

// Of returns a batch of so many records, which are the body.
func Of(codec kgo.CompressionCodec, records int, body []byte) ([]byte, error) {
	compressor, err := kgo.DefaultCompressor(codec)
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	compressed, as := body, kgo.CodecNone
	if compressor != nil { // nil: as it is
		compressed, as = compressor.Compress(&bytes.Buffer{}, body)
	}
	now := time.Now().UnixMilli()
	b := kmsg.RecordBatch{
		Length: int32(49 + len(compressed)), PartitionLeaderEpoch: -1, Magic: 2, Attributes: int16(as), LastOffsetDelta: int32(records - 1),
		FirstTimestamp: now, MaxTimestamp: now, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		NumRecords: int32(records), Records: compressed,
	}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw, nil
}

// Write writes a batch to a partition and waits for the broker to take it.
func Write(ctx context.Context, brokers []string, topic string, partition int32, batch []byte) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return fmt.Errorf("open a client: %w", err)
	}
	defer client.Close()
	found, err := kadm.NewClient(client).ListTopics(ctx, topic)
	if err != nil {
		return fmt.Errorf("look up %s: %w", topic, err)
	}
	ask := kmsg.NewPtrProduceRequest()
	ask.Acks, ask.TimeoutMillis = -1, 30_000
	p := kmsg.ProduceRequestTopicPartition{Partition: partition, Records: batch}
	ask.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, TopicID: found[topic].ID, Partitions: []kmsg.ProduceRequestTopicPartition{p}}}
	leader := found[topic].Partitions[partition].Leader
	answer, err := client.Broker(int(leader)).RetriableRequest(ctx, ask)
	if err != nil {
		return fmt.Errorf("write to %s: %w", topic, err)
	}
	got := answer.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		return fmt.Errorf("write to %s: %w", topic, err)
	}
	return nil
}
