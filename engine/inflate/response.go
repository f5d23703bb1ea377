package inflate

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The bounds. Kafka takes batches of 1 MiB by default, compressed; texts become a
// twentieth at best.
const (
	// MaxBatchBytes is how large a compressed batch may become.
	MaxBatchBytes = 16 << 20
	// MaxBatchRatio is to how many times its size one may that becomes larger than
	// smallBatch: three times what texts do.
	MaxBatchRatio = 64
	// MaxBatchRecords is how many records a compressed batch may hold; four headers
	// count as one.
	MaxBatchRecords = 1 << 19

	// maxAnswer is what the batches of one answer may take together; the rest is
	// fetched again. One batch is always there, so that it goes on.
	maxAnswer      = 32 << 20
	bytesOfARecord = 256 // in memory, besides its own
	bytesOfAHeader = 64
)

// flexible is the first version of a fetch whose answer has tags behind its id
// (KIP-482).
const flexible = 12

// smallBatch is what most batches are smaller than when they are decompressed.
const smallBatch = 4 << 20

// sizes are up to what batches are decompressed, the smaller ones first: what is beyond
// one of them waits for room before the next one.
var sizes = [...]int{smallBatch, MaxBatchBytes}

var errNoRoom = errors.New("no room in this answer")

var decompressed = [len(sizes)]batchBuffers{{most: sizes[0]}, {most: sizes[1]}}

// decompressors are franz-go's, which are bounded: a client is asked for its own.
var decompressors = [len(sizes)]func() (kgo.Decompressor, error){decompressor(0), decompressor(1)}

func decompressor(size int) func() (kgo.Decompressor, error) {
	return sync.OnceValues(func() (kgo.Decompressor, error) {
		client, err := kgo.NewClient(kgo.MaxDecompressBatchBytes(sizes[size]), kgo.WithPools(&decompressed[size]))
		if err != nil {
			return nil, fmt.Errorf("decompressor: %w", err)
		}
		defer client.Close()
		return client.OptValue(kgo.WithDecompressor).(kgo.Decompressor), nil
	})
}

// rewriter rewrites answers to fetches, one after the other.
type rewriter struct {
	budget  *budget
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
// nothing otherwise; what it does not understand is the client's to refuse. The share is
// what the answer takes of the budget, nil for nothing.
func (r *rewriter) rewrite(out buffer, version int16, body []byte) (buffer, *share, bool) {
	answer := kmsg.NewPtrFetchResponse()
	answer.SetVersion(version)
	tags := 0
	if version >= flexible {
		// No header of a response has had a tag so far.
		if tags = 1; body[0] != 0 {
			return out, nil, false
		}
	}
	if answer.UnsafeReadFrom(body[tags:]) != nil {
		return out, nil, false
	}
	r.batches.reset(len(body))
	r.changes = r.changes[:0]
	p := &portion{of: r.budget, left: maxAnswer}
	var outside *kmsg.FetchResponseTopicPartition // that there was no room for
	for i := range answer.Topics {
		for j := range answer.Topics[i].Partitions {
			of := &answer.Topics[i].Partitions[j]
			if !r.inflate(of, p) && outside == nil {
				outside = of
			}
		}
	}
	if outside != nil && p.left == maxAnswer { // the answer has nothing else
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		p.wait = ctx
		r.inflate(outside, p)
		cancel()
	}
	if len(r.changes) == 0 {
		return out, p.share(), false
	}
	for i, c := range r.changes {
		c.of.RecordBatches = r.batches[c.from:c.to:c.to]
		r.changes[i].of = nil
	}
	out = grown(out, len(body)+len(r.batches))
	return answer.AppendTo(append(out, body[:tags]...)), p.share(), true
}

// inflate decompresses the batches of a partition. It reports false if there was no room
// for the first of them.
func (r *rewriter) inflate(of *kmsg.FetchResponseTopicPartition, p *portion) bool {
	from := len(r.batches)
	var other bool
	if r.batches, other = appendInflated(r.batches, of.RecordBatches, p); !other {
		return true
	}
	r.changes = append(r.changes, change{of, from, len(r.batches)})
	return len(r.batches) > from || len(of.RecordBatches) == 0
}

// appendInflated appends the batches of a partition to out, as many as there is room
// for. It reports whether they are other than before, and appends nothing otherwise.
func appendInflated(out, in []byte, p *portion) ([]byte, bool) {
	if !anyCompressed(in) {
		if fits := p.fitting(in); fits < len(in) {
			return append(out, in[:fits]...), true
		}
		return out, false
	}
	for rest := in; len(rest) > 0; {
		b, ok := parseBatch(rest)
		if !ok {
			out = append(out, rest...) // cut by the broker: the client asks for more of it
			break
		}
		var room bool
		out, room = b.appendInflated(out, p)
		if p.settle(); !room {
			break
		}
		rest = rest[len(b):]
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
