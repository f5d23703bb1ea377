package inflate

import (
	"slices"
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
	*b = slices.Grow((*b)[:0], n)
}

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
