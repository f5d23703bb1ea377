package engine

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
)

// DeadLetters writes records that cannot be processed to the dead-letter topic:
// key, value and headers as received, byte for byte, in order and with repeats,
// and after them headers of ours that say why and where from. goka's own emit
// would turn a null key into an empty one and headers into a map. A value that
// makes it larger than the topic takes is cut, and a header says so.
type DeadLetters struct {
	topic    string
	producer *producer
	now      func() time.Time
}

// maxDeadLetterBytes bounds a batch of dead letters. Their topic takes 2 MiB
// (belfry.Prefix.Topics), since one may be a record of the usual largest size,
// 1 MiB, and headers.
const maxDeadLetterBytes = 2_000_000

// OpenDeadLetters returns a producer for the topic.
func OpenDeadLetters(cfg Config, topic string) (*DeadLetters, error) {
	p, err := cfg.newProducer("belfry-dead-letters", false,
		kgo.ProducerBatchMaxBytes(maxDeadLetterBytes),
		// Any partition: nothing depends on their order.
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		return nil, err
	}
	return &DeadLetters{topic: topic, producer: p, now: time.Now}, nil
}

// Send writes one dead letter of a record that group could not process. It
// calls done once, from any goroutine, when the broker has acknowledged it or
// it cannot be written; done must not block.
func (d *DeadLetters) Send(raw *sarama.ConsumerMessage, group string, reason belfry.Reason, cause error, done func(error)) {
	headers := make([]kgo.RecordHeader, 0, len(raw.Headers)+10)
	for _, h := range raw.Headers {
		headers = append(headers, kgo.RecordHeader{Key: string(h.Key), Value: h.Value})
	}
	add := func(name, value string) {
		headers = append(headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	add(belfry.HeaderReason, string(reason))
	add(belfry.HeaderError, cause.Error())
	var p *PanicError
	if errors.As(cause, &p) {
		add(belfry.HeaderStack, p.Stack)
	}
	add(belfry.HeaderGroup, group)
	add(belfry.HeaderTopic, raw.Topic)
	add(belfry.HeaderPartition, strconv.Itoa(int(raw.Partition)))
	add(belfry.HeaderOffset, strconv.FormatInt(raw.Offset, 10))
	add(belfry.HeaderTimestamp, raw.Timestamp.UTC().Format(time.RFC3339Nano))
	add(belfry.HeaderDeadAt, d.now().UTC().Format(time.RFC3339Nano))
	value := raw.Value
	if over := recordBytes(raw.Key, value, headers) - maxDeadLetterBytes; over > 0 {
		add(belfry.HeaderTruncated, strconv.Itoa(len(value)))
		value = value[:max(len(value)-over-truncationSlack, 0)]
	}
	// A nil key or value is null on the wire, an empty one is empty.
	record := &kgo.Record{Topic: d.topic, Key: raw.Key, Value: value, Headers: headers}
	d.producer.produce(record, func(_ *kgo.Record, err error) {
		if err != nil {
			err = fmt.Errorf("write dead letter to %s: %w", d.topic, err)
		}
		done(err)
	})
}

// truncationSlack is room for the header that tells of it and for the encoding.
const truncationSlack = 1024

func recordBytes(key, value []byte, headers []kgo.RecordHeader) int {
	n := len(key) + len(value)
	for _, h := range headers {
		n += len(h.Key) + len(h.Value) + 4 // and their lengths
	}
	return n
}

// Close waits for what is under way. There must be no Send during or after it.
func (d *DeadLetters) Close() error { return d.producer.Close() }
