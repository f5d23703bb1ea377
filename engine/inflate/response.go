package inflate

import (
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The bounds. Kafka takes batches of 1 MiB by default, compressed; texts become a
// twentieth at best.
const (
	// MaxBatchBytes is how large a compressed batch may become.
	MaxBatchBytes = 64 << 20
	// MaxBatchRecords is how many records a compressed batch may hold.
	MaxBatchRecords = 1 << 19

	// maxAnswer is what the batches of one answer may take together; the rest is
	// fetched again. One batch is always there, so that it goes on.
	maxAnswer      = 80 << 20
	bytesOfARecord = 256 // in memory, besides its own
)

// flexible is the first version of a fetch whose answer has tags behind its id
// (KIP-482).
const flexible = 12

// decompressor is franz-go's, which is bounded: a client is asked for its own.
var decompressor = sync.OnceValues(func() (kgo.Decompressor, error) {
	client, err := kgo.NewClient(kgo.MaxDecompressBatchBytes(MaxBatchBytes))
	if err != nil {
		return nil, fmt.Errorf("decompressor: %w", err)
	}
	defer client.Close()
	return client.OptValue(kgo.WithDecompressor).(kgo.Decompressor), nil
})

// rewrite decompresses the batches of an answer to a fetch. It reports whether
// anything of it is another than it was; what it does not understand is the
// client's to refuse.
func rewrite(version int16, body []byte) ([]byte, bool) {
	answer := kmsg.NewPtrFetchResponse()
	answer.SetVersion(version)
	tags := 0
	if version >= flexible {
		// No header of a response has had a tag so far.
		if tags = 1; body[0] != 0 {
			return body, false
		}
	}
	if answer.UnsafeReadFrom(body[tags:]) != nil {
		return body, false
	}
	changed, left := false, maxAnswer
	for i := range answer.Topics {
		for j := range answer.Topics[i].Partitions {
			p := &answer.Topics[i].Partitions[j]
			batches, other := inflateAll(p.RecordBatches, &left)
			if other {
				p.RecordBatches, changed = batches, true
			}
		}
	}
	if !changed {
		return body, false
	}
	return answer.AppendTo(body[:tags:tags]), true
}

// inflateAll returns the batches of a partition up to where left ends, which it
// takes its share of, and whether they are other than before.
func inflateAll(in []byte, left *int) ([]byte, bool) {
	if !anyCompressed(in) {
		*left -= len(in)
		return in, false
	}
	out := []byte{}
	for rest := in; len(rest) > 0; {
		b, ok := parseBatch(rest)
		if !ok {
			out = append(out, rest...) // cut by the broker: the client asks for more of it
			break
		}
		whole, cost := b.inflate()
		if cost > *left && *left < maxAnswer {
			*left = 0
			break
		}
		*left -= cost
		out, rest = append(out, whole...), rest[len(b):]
	}
	return out, true
}

func anyCompressed(in []byte) bool {
	for {
		b, ok := parseBatch(in)
		if !ok {
			return false
		}
		if b.codec() != kgo.CodecNone {
			return true
		}
		in = in[len(b):]
	}
}
