package kafka

import (
	"bytes"
	"sync"

	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kgo"
)

// compressBlock is how much of a batch is compressed at once. Writers and readers hold
// whole blocks in memory: franz-go's own compressor, which takes 4 MiB, costs a processor
// 16 MiB for batches that are 1 MiB at most.
const compressBlock = lz4.Block256Kb

// compressor compresses batches by lz4. It is safe for concurrent use.
type compressor struct{ writers sync.Pool }

// batches is the one compressor of the process.
var batches = &compressor{sync.Pool{New: func() any {
	w := lz4.NewWriter(nil)
	if err := w.Apply(lz4.BlockSizeOption(compressBlock)); err != nil {
		panic(err) // it is one of lz4's own sizes
	}
	return w
}}}

// Uncompressed has a producer compress nothing.
func Uncompressed() []kgo.Opt {
	return []kgo.Opt{kgo.WithCompressor(nil), kgo.ProducerBatchCompression(kgo.NoCompression())}
}

// Compress implements [kgo.Compressor].
func (c *compressor) Compress(to *bytes.Buffer, batch []byte, _ ...kgo.CompressFlag) ([]byte, kgo.CompressionCodecType) {
	w := c.writers.Get().(*lz4.Writer)
	defer c.writers.Put(w)
	w.Reset(to)
	if _, err := w.Write(batch); err != nil {
		return nil, kgo.CodecError
	}
	if err := w.Close(); err != nil {
		return nil, kgo.CodecError
	}
	return to.Bytes(), kgo.CodecLz4
}
