package engine

import (
	"math/bits"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine/kafka"
)

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
