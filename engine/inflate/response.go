package inflate

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unsafe"

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

var decompressed = [len(sizes)]kgo.PoolDecompressBytes{&batchBuffers{}, largeBuffers{}}

// decompressors are franz-go's, which are bounded: a client is asked for its own.
var decompressors = [len(sizes)]func() (kgo.Decompressor, error){decompressor(0), decompressor(1)}

func decompressor(size int) func() (kgo.Decompressor, error) {
	return sync.OnceValues(func() (kgo.Decompressor, error) {
		client, err := kgo.NewClient(kgo.MaxDecompressBatchBytes(sizes[size]), kgo.WithPools(decompressed[size]))
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
	lengths []byte // of what is changed, as the answer has them
}

// change is what the batches of a partition are instead: those of the rewriter, which
// move as they grow, from one offset to another.
type change struct {
	of       []byte
	from, to int
}

// rewrite adds an answer to out, with its batches decompressed; what it does not
// understand it adds as it is, for the client to refuse. What is added is the body's and
// the rewriter's, up to its next call. The share is what the answer takes of the budget,
// nil for nothing.
func (r *rewriter) rewrite(out *pieces, version int16, body []byte) *share {
	answer := kmsg.NewPtrFetchResponse()
	answer.SetVersion(version)
	// No header of a response has had a tag so far.
	tagged := version >= flexible
	if tagged && body[0] != 0 || answer.UnsafeReadFrom(body[tags(tagged):]) != nil {
		out.add(body)
		return nil
	}
	r.batches.reset(len(body))
	r.changes, r.lengths = r.changes[:0], r.lengths[:0]
	p := &portion{of: r.budget, left: maxAnswer}
	var outside []byte // that there was no room for
	for _, t := range answer.Topics {
		for _, of := range t.Partitions {
			if !r.inflate(of.RecordBatches, p) && outside == nil {
				outside = of.RecordBatches
			}
		}
	}
	if outside != nil && p.left == maxAnswer { // the answer has nothing else
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		p.wait = ctx
		r.changes = slices.DeleteFunc(r.changes, func(c change) bool { return &c.of[0] == &outside[0] })
		r.inflate(outside, p)
		cancel()
		slices.SortFunc(r.changes, func(a, b change) int { return cmp.Compare(offsetIn(body, a.of), offsetIn(body, b.of)) })
	}
	r.assemble(out, tagged, body)
	return p.share()
}

// assemble adds the body to out, with other batches and their lengths in the places of
// those that are changed.
func (r *rewriter) assemble(out *pieces, tagged bool, body []byte) {
	done := 0
	for _, c := range r.changes {
		at := offsetIn(body, c.of)
		out.add(body[done : at-len(appendLength(nil, tagged, len(c.of)))])
		from := len(r.lengths)
		r.lengths = appendLength(r.lengths, tagged, c.to-c.from)
		out.add(r.lengths[from:])
		out.add(r.batches[c.from:c.to])
		done = at + len(c.of)
	}
	out.add(body[done:])
}

// tags is how many bytes there are before an answer for the tags of its header.
func tags(tagged bool) int {
	if tagged {
		return 1
	}
	return 0
}

// appendLength appends what stands before so many bytes: COMPACT_NULLABLE_BYTES (KIP-482)
// or NULLABLE_BYTES of the protocol.
func appendLength(out []byte, compact bool, n int) []byte {
	if compact {
		return binary.AppendUvarint(out, uint64(n)+1)
	}
	return binary.BigEndian.AppendUint32(out, uint32(n))
}

// offsetIn is where part, which is not empty, begins within the whole that it is a part of.
func offsetIn(whole, part []byte) int {
	return int(uintptr(unsafe.Pointer(&part[0])) - uintptr(unsafe.Pointer(&whole[0])))
}

// inflate decompresses the batches of a partition. It reports false if there was no room
// for the first of them.
func (r *rewriter) inflate(of []byte, p *portion) bool {
	from := len(r.batches)
	var other bool
	if r.batches, other = appendInflated(r.batches, of, p); !other {
		return true
	}
	r.changes = append(r.changes, change{of, from, len(r.batches)})
	return len(r.batches) > from
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
