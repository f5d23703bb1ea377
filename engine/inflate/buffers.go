package inflate

import (
	"hash/crc32"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// buffer holds what an answer is made of until its client has copied it. A client that
// catches up gets hundreds of megabytes a second: as garbage they were two fifths of all
// that a processor allocated. A connection keeps its buffers.
type buffer []byte

// reset empties b for n bytes and what becomes of them when they are decompressed. One
// that is much too large by now is let go: a connection that has caught up holds nothing.
func (b *buffer) reset(n int) {
	if cap(*b) > keptAnyway && cap(*b)/4 > usualRatio*n {
		*b = nil
	}
	*b = grown((*b)[:0], n)
}

// grown is [slices.Grow], and its pages are there. To copy much at once, and to have the
// system make pages for it, takes up to 100 ms in which nothing else can have the
// processor: the collector waits on another one meanwhile, and so do all the rest.
func grown(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	out := make([]byte, 0, max(len(b)+n, cap(b)+cap(b)/4))
	for pages := out[:cap(out)]; len(pages) > 0; pages = pages[min(pageBytes, len(pages)):] {
		pages[0] = 0
	}
	return appended(out, b)
}

// appended is append, piece by piece.
func appended(out, b []byte) []byte {
	for len(b) > 0 {
		n := min(copyAtOnce, len(b))
		out, b = append(out, b[:n]...), b[n:]
	}
	return out
}

// checksum is the CRC-32C of b, piece by piece.
func checksum(b []byte) (sum uint32) {
	for len(b) > 0 {
		n := min(copyAtOnce, len(b))
		sum, b = crc32.Update(sum, castagnoli, b[:n]), b[n:]
	}
	return sum
}

const (
	pageBytes  = 4 << 10
	copyAtOnce = 1 << 20
)

// keptAnyway is how large a buffer may be that is kept whatever comes.
const keptAnyway = 64 << 10

// usualRatio is to how much of itself a batch is compressed, about: a guess that is too
// high costs a copy.
const usualRatio = 8

// batchBuffers are for the records of one batch up to smallBatch, which are decompressed
// by themselves.
type batchBuffers struct{ pool sync.Pool }

var _ kgo.PoolDecompressBytes = &batchBuffers{}

// GetDecompressBytes implements [kgo.PoolDecompressBytes].
func (p *batchBuffers) GetDecompressBytes(compressed []byte, _ kgo.CompressionCodecType) []byte {
	n := min(usualRatio*len(compressed), smallBatch)
	if b, ok := p.pool.Get().(*[]byte); ok && cap(*b) >= n {
		return *b
	}
	return make([]byte, 0, n)
}

// PutDecompressBytes implements [kgo.PoolDecompressBytes].
func (p *batchBuffers) PutDecompressBytes(b []byte) {
	b = b[:0]
	p.pool.Put(&b)
}

// largeBuffer is for the records of one batch up to MaxBatchBytes. The system takes longer
// to make its pages than it takes to decompress the batch, so the last one is kept as
// long as there are such batches.
type largeBuffer struct {
	mu     sync.Mutex
	kept   []byte // nil: lent, or forgotten
	forget *time.Timer
}

var _ kgo.PoolDecompressBytes = &largeBuffer{}

// keptFor is how long after its last use a large buffer is kept.
const keptFor = 10 * time.Second

// GetDecompressBytes implements [kgo.PoolDecompressBytes].
func (l *largeBuffer) GetDecompressBytes([]byte, kgo.CompressionCodecType) []byte {
	l.mu.Lock()
	b := l.kept
	l.kept = nil
	l.mu.Unlock()
	if b == nil {
		b = grown(nil, MaxBatchBytes)
	}
	return b
}

// PutDecompressBytes implements [kgo.PoolDecompressBytes]. Of several one is kept, and none
// that is too small for the next batch.
func (l *largeBuffer) PutDecompressBytes(b []byte) {
	if cap(b) < MaxBatchBytes {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = b[:0]
	if l.forget == nil {
		l.forget = time.AfterFunc(keptFor, l.forgetKept)
		return
	}
	l.forget.Reset(keptFor)
}

func (l *largeBuffer) forgetKept() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = nil
}

// giveBack has a buffer be used again for batches of its size.
func giveBack(b []byte) {
	if cap(b) > smallBatch {
		decompressed[1].PutDecompressBytes(b)
		return
	}
	decompressed[0].PutDecompressBytes(b)
}
