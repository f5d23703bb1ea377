package engine

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
)

// DeadLetters writes records that cannot be processed to the dead-letter topic:
// key, value and headers as received, byte for byte, in order and with repeats,
// and after them headers of ours that say why and where from. goka's own emit
// would turn a null key into an empty one and headers into a map.
type DeadLetters struct {
	topic    string
	producer sarama.AsyncProducer
	now      func() time.Time
	results  sync.WaitGroup
}

// OpenDeadLetters connects a producer for the topic.
func OpenDeadLetters(cfg Config, topic string) (*DeadLetters, error) {
	sc, err := cfg.sarama()
	if err != nil {
		return nil, err
	}
	sc.Producer.Return.Successes, sc.Producer.Return.Errors = true, true
	producer, err := sarama.NewAsyncProducer(cfg.Brokers, sc)
	if err != nil {
		return nil, fmt.Errorf("open producer for %s: %w", topic, err)
	}
	d := &DeadLetters{topic: topic, producer: producer, now: time.Now}
	d.results.Go(func() {
		for m := range producer.Successes() {
			m.Metadata.(func(error))(nil)
		}
	})
	d.results.Go(func() {
		for e := range producer.Errors() {
			e.Msg.Metadata.(func(error))(fmt.Errorf("write dead letter to %s: %w", topic, e.Err))
		}
	})
	return d, nil
}

// Send writes one dead letter of a record that group could not process. It
// calls done once, from any goroutine, when the broker has acknowledged it or
// it cannot be written; done must not block.
func (d *DeadLetters) Send(raw *sarama.ConsumerMessage, group string, reason belfry.Reason, cause error, done func(error)) {
	headers := make([]sarama.RecordHeader, 0, len(raw.Headers)+10)
	for _, h := range raw.Headers {
		headers = append(headers, *h)
	}
	add := func(name, value string) {
		headers = append(headers, sarama.RecordHeader{Key: []byte(name), Value: []byte(value)})
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
	m := &sarama.ProducerMessage{Topic: d.topic, Headers: headers, Metadata: done}
	// A nil encoder is null on the wire; an empty one is empty.
	if raw.Key != nil {
		m.Key = sarama.ByteEncoder(raw.Key)
	}
	if raw.Value != nil {
		m.Value = sarama.ByteEncoder(raw.Value)
	}
	d.producer.Input() <- m
}

// Close waits for what is under way. There must be no Send during or after it.
func (d *DeadLetters) Close() error {
	d.producer.AsyncClose()
	d.results.Wait()
	return nil
}
