package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
)

// DeadLetters writes records that cannot be processed to the dead-letter topic:
// key, value and headers as received, byte for byte, in order and with repeats,
// and after them headers of ours that say why and where from. goka's own emit
// would turn a null key into an empty one and headers into a map. A letter
// larger than the topic takes is cut, and a header says so.
//
// Letters of one source partition lie in one partition, in order. The letters
// not acknowledged yet are bounded in all and for each source partition, see
// [DeadLetters.Send].
type DeadLetters struct {
	topic    string
	version  string
	producer *kafka.Producer
	shares   *shares
	now      func() time.Time
}

// maxDeadLetterBytes bounds a batch of dead letters. Their topic takes 2 MiB
// (belfry.Prefix.Topics), since one may be a record of the usual largest size,
// 1 MiB, and headers.
const maxDeadLetterBytes = 2_000_000

// So many bytes may be under way, as the client's memory counts them. Those of one source
// partition are enough for a request of it to be full while another is, those of all
// together what a process can spare.
const (
	deadLettersUnderWay      = 32 << 20
	deadLettersOfOne         = 4 << 20
	deadLetterOverhead       = 1 << 10 // of one in memory, besides its bytes
	deadLetterRecordsOfBytes = deadLettersUnderWay / deadLetterOverhead
)

// OpenDeadLetters returns a producer for the topic.
func OpenDeadLetters(cfg kafka.Config, topic string) (*DeadLetters, error) {
	p, err := cfg.NewProducer("belfry-dead-letters", false,
		kgo.ProducerBatchMaxBytes(maxDeadLetterBytes),
		// The shares are what blocks, each in its turn: the client's own bound
		// would let the partition with the most letters go first.
		kgo.MaxBufferedRecords(deadLetterRecordsOfBytes+1),
		kgo.RecordPartitioner(kafka.ByNumber()))
	if err != nil {
		return nil, err
	}
	return &DeadLetters{
		topic: topic, version: cfg.Version, producer: p, now: time.Now,
		shares: newShares(deadLettersUnderWay, deadLettersOfOne),
	}, nil
}

// Send writes one dead letter of a record that could not be processed. The
// caller says in why the reason, the error, the group, the topic's ID and, if
// they are known, stack, rule, field and attempt; the rest is filled in here.
//
// It blocks while too much is under way, of this source partition or of all,
// so that a storm of bad records takes no more memory than that; partitions get
// their turn in the order in which they asked, so that one with a bad record now
// and then does not wait for the storm of another to end.
//
// done is called once, from any goroutine, when the broker has acknowledged the
// letter or it cannot be written. It must not block.
func (d *DeadLetters) Send(ctx context.Context, raw *sarama.ConsumerMessage, why deadletter.Envelope, done func(error)) {
	why.Topic, why.Partition, why.Offset, why.Timestamp = raw.Topic, raw.Partition, raw.Offset, raw.Timestamp
	why.Version, why.DeadAt = d.version, d.now()
	record := deadLetter(raw, &why)
	// Lists of letters by time ask for this one; the broker's would differ.
	record.Topic, record.Timestamp = d.topic, why.DeadAt
	source := kafka.TopicPartition{Topic: raw.Topic, Partition: raw.Partition}
	record.Partition = int32(kafka.Partition(source.Topic, 1<<16)) + source.Partition
	release, err := d.shares.take(ctx, source, int64(recordBytes(record.Key, record.Value, record.Headers)+deadLetterOverhead))
	if err != nil {
		// The last one of a partition that is given back. To fail it would fail
		// the group, for a rebalance.
		release = func() {}
	}
	d.producer.Produce(record, func(_ *kgo.Record, err error) {
		release()
		if err != nil {
			err = fmt.Errorf("write dead letter to %s: %w", d.topic, err)
		}
		done(err)
	})
}

// UnderWay is how many bytes of letters are not acknowledged yet, what they
// take in memory besides their own bytes included.
func (d *DeadLetters) UnderWay() int64 { return d.shares.taken() }

// Close waits for what is under way. There must be no Send during or after it.
func (d *DeadLetters) Close() error { return d.producer.Close() }
