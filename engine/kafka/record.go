package kafka

import (
	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
)

// NewRecord returns a record; a nil value is a tombstone.
func NewRecord(topic, key string, value []byte, headers goka.Headers) *kgo.Record {
	record := &kgo.Record{Topic: topic, Key: []byte(key), Value: value}
	for name, v := range headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: name, Value: v})
	}
	return record
}

// RecordHeaders are headers as a record has them, in order and with repeats.
func RecordHeaders(headers []belfry.Header) []kgo.RecordHeader {
	out := make([]kgo.RecordHeader, len(headers))
	for i, h := range headers {
		out[i] = kgo.RecordHeader{Key: h.Key, Value: h.Value}
	}
	return out
}

// Headers returns a record's headers, in order and with repeats.
func Headers(raw *sarama.ConsumerMessage) []belfry.Header {
	out := make([]belfry.Header, len(raw.Headers))
	for i, h := range raw.Headers {
		out[i] = belfry.Header{Key: string(h.Key), Value: h.Value}
	}
	return out
}
