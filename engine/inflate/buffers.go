package inflate

import (
	"bytes"
	"hash/crc32"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/internal/breath"
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
		if out, b = append(out, b[:n]...), b[n:]; len(b) > 0 {
			breath.Take()
		}
	}
	return out
}

// checksum is the CRC-32C of b, piece by piece.
func checksum(b []byte) (sum uint32) {
	for len(b) > 0 {
		n := min(copyAtOnce, len(b))
		if sum, b = crc32.Update(sum, castagnoli, b[:n]), b[n:]; len(b) > 0 {
			breath.Take()
		}
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
	n := usualRatio * len(compressed)
	if n > copyAtOnce {
		n = whole(smallBatch)
	}
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

// largeBuffers are for the records of one batch up to MaxBatchBytes: somebody's batches are
// large, now and then. None is kept: one that is refused has its buffer cleared, all of it.
type largeBuffers struct{}

var _ kgo.PoolDecompressBytes = largeBuffers{}

// GetDecompressBytes implements [kgo.PoolDecompressBytes].
func (largeBuffers) GetDecompressBytes(_ []byte, _ kgo.CompressionCodecType) []byte {
	return make([]byte, 0, whole(MaxBatchBytes))
}

// PutDecompressBytes implements [kgo.PoolDecompressBytes].
func (largeBuffers) PutDecompressBytes([]byte) {}

// whole is room for all that a batch may become, and for its decompressor to see that it
// becomes more. A buffer that grows is copied at once, and for one of megabytes the system makes the
// pages meanwhile. Those that nothing is written to cost none.
func whole(most int) int { return most + 1 + bytes.MinRead }

// giveBack has a buffer be used again, unless it is a large one.
func giveBack(b []byte) {
	if cap(b) <= whole(smallBatch) {
		decompressed[0].PutDecompressBytes(b)
	}
}
