package inflate

import (
	"fmt"
	"slices"
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

var decompressed batchBuffers

// decompressor is franz-go's, which is bounded: a client is asked for its own.
var decompressor = sync.OnceValues(func() (kgo.Decompressor, error) {
	client, err := kgo.NewClient(kgo.MaxDecompressBatchBytes(MaxBatchBytes), kgo.WithPools(&decompressed))
	if err != nil {
		return nil, fmt.Errorf("decompressor: %w", err)
	}
	defer client.Close()
	return client.OptValue(kgo.WithDecompressor).(kgo.Decompressor), nil
})

// rewriter rewrites answers to fetches, one after the other.
type rewriter struct {
	batches buffer // of an answer, without compression
	changes []change
}

// change is where the batches of a partition stand within those of an answer, which
// move as they grow.
type change struct {
	of       *kmsg.FetchResponseTopicPartition
	from, to int
}

// rewrite appends an answer to out, which has room for as much again, with its batches
// decompressed. It reports whether anything of it is another than it was, and appends
// nothing otherwise; what it does not understand is the client's to refuse.
func (r *rewriter) rewrite(out buffer, version int16, body []byte) (buffer, bool) {
	answer := kmsg.NewPtrFetchResponse()
	answer.SetVersion(version)
	tags := 0
	if version >= flexible {
		// No header of a response has had a tag so far.
		if tags = 1; body[0] != 0 {
			return out, false
		}
	}
	if answer.UnsafeReadFrom(body[tags:]) != nil {
		return out, false
	}
	r.batches.reset(len(body))
	r.changes = r.changes[:0]
	left := maxAnswer
	for i := range answer.Topics {
		for j := range answer.Topics[i].Partitions {
			p, from := &answer.Topics[i].Partitions[j], len(r.batches)
			var other bool
			if r.batches, other = appendInflated(r.batches, p.RecordBatches, &left); other {
				r.changes = append(r.changes, change{p, from, len(r.batches)})
			}
		}
	}
	if len(r.changes) == 0 {
		return out, false
	}
	for i, c := range r.changes {
		c.of.RecordBatches = r.batches[c.from:c.to:c.to]
		r.changes[i].of = nil
	}
	out = slices.Grow(out, len(body)+len(r.batches))
	return answer.AppendTo(append(out, body[:tags]...)), true
}

// appendInflated appends the batches of a partition to out, up to where left ends, which
// it takes its share of. It reports whether they are other than before, and appends
// nothing otherwise.
func appendInflated(out, in []byte, left *int) ([]byte, bool) {
	if !anyCompressed(in) {
		*left -= len(in)
		return out, false
	}
	for rest := in; len(rest) > 0; {
		b, ok := parseBatch(rest)
		if !ok {
			out = append(out, rest...) // cut by the broker: the client asks for more of it
			break
		}
		next, cost := b.appendInflated(out)
		if cost > *left && *left < maxAnswer {
			*left = 0
			break
		}
		*left -= cost
		out, rest = next, rest[len(b):]
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
