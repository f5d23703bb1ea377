package engine

import (
	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
)

// Headers returns a record's headers, in order and with repeats.
func Headers(raw *sarama.ConsumerMessage) []belfry.Header {
	out := make([]belfry.Header, len(raw.Headers))
	for i, h := range raw.Headers {
		out[i] = belfry.Header{Key: string(h.Key), Value: h.Value}
	}
	return out
}
