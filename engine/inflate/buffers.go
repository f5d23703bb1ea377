package inflate

import (
	"sync"

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
	for len(b) > 0 {
		n := min(copyAtOnce, len(b))
		out, b = append(out, b[:n]...), b[n:]
	}
	return out
}

const (
	pageBytes  = 4 << 10
	copyAtOnce = 1 << 20
)

// keptAnyway is how large a buffer may be that is kept whatever comes.
const keptAnyway = 64 << 10

// batchBuffers are for the records of one batch, which are decompressed by themselves.
type batchBuffers struct {
	most int // bytes
	pool sync.Pool
}

var _ kgo.PoolDecompressBytes = &batchBuffers{}

// usualRatio is to how much of itself a batch is compressed, about: a guess that is too
// high costs a copy.
const usualRatio = 8

// GetDecompressBytes implements [kgo.PoolDecompressBytes].
func (p *batchBuffers) GetDecompressBytes(compressed []byte, _ kgo.CompressionCodecType) []byte {
	n := min(usualRatio*len(compressed), p.most)
	if b, ok := p.pool.Get().(*[]byte); ok && cap(*b) >= n {
		return *b
	}
	return make([]byte, 0, n)
}

// PutDecompressBytes implements [kgo.PoolDecompressBytes].
func (p *batchBuffers) PutDecompressBytes(b []byte) {
	if cap(b) > smallBatch {
		return // somebody's batches are large, now and then
	}
	b = b[:0]
	p.pool.Put(&b)
}
