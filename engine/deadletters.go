package engine

import (
	"context"
	"fmt"
	"math/bits"
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

// deadLetter is the record of a letter, cut so that its topic takes it: of the
// key what fits, then as many whole headers, then of the value what is left. So
// what tells where it belongs is kept the longest, and no record is too large.
func deadLetter(raw *sarama.ConsumerMessage, why *deadletter.Envelope) *kgo.Record {
	own := kafka.RecordHeaders(kafka.Headers(raw))
	key, value := raw.Key, raw.Value
	if left := maxDeadLetterBytes - recordOverhead - oursAtMost(why); recordBytes(key, value, own) > left {
		if n := max(left, 0); len(key) > n {
			why.KeyLength, key = len(key), key[:n]
		}
		left -= len(key)
		kept := 0
		for kept < len(own) && headerBytes(own[kept]) <= left {
			left -= headerBytes(own[kept])
			kept++
		}
		if kept < len(own) {
			why.HeaderCount, own = len(own), own[:kept]
		}
		if len(value) > left {
			why.Length, value = len(value), value[:left]
		}
	}
	own = append(own, kafka.RecordHeaders(why.AsHeaders())...)
	// A nil key or value is null on the wire, an empty one is empty.
	return &kgo.Record{Key: key, Value: value, Headers: own}
}

// recordOverhead is room for what a batch of one record has besides its parts.
const recordOverhead = 256

// oursAtMost is what our headers take, those that tell of cuts too.
func oursAtMost(why *deadletter.Envelope) int {
	all := *why
	all.KeyLength, all.HeaderCount, all.Length = 1<<31-1, 1<<31-1, 1<<31-1
	n := 0
	for _, h := range all.AsHeaders() {
		n += headerBytes(kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return n
}

func recordBytes(key, value []byte, headers []kgo.RecordHeader) int {
	n := len(key) + len(value)
	for _, h := range headers {
		n += headerBytes(h)
	}
	return n
}

// headerBytes is what a header takes in a record: both parts with their lengths
// before them, in zigzag varints of seven bits a byte.
func headerBytes(h kgo.RecordHeader) int {
	length := func(n int) int { return (bits.Len(uint(n)<<1|1) + 6) / 7 }
	return len(h.Key) + length(len(h.Key)) + len(h.Value) + length(len(h.Value))
}
