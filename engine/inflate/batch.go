package inflate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// batch is the bytes of a record batch v2 (KIP-98), which has these fields.
type batch []byte

const (
	atLength     = 8  // of what follows it
	atMagic      = 16 // the format, here always 2
	atChecksum   = 17 // CRC-32C of what follows it
	atAttributes = 21
	atLastDelta  = 23 // of the last record's offset
	atRecords    = 57 // how many
	batchHead    = 61

	codecBits = 0x7
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parseBatch returns the first batch. It reports false where there is none as a
// whole, or one in the form from before Kafka 0.11.
func parseBatch(in []byte) (batch, bool) {
	if len(in) < batchHead || in[atMagic] != 2 {
		return nil, false
	}
	size := int64(binary.BigEndian.Uint32(in[atLength:])) + atLength + 4
	if size < batchHead || size > int64(len(in)) {
		return nil, false
	}
	return in[:size], true
}

func (b batch) first() int64      { return int64(binary.BigEndian.Uint64(b)) }
func (b batch) last() int64       { return b.first() + int64(b.number(atLastDelta)) }
func (b batch) number(at int) int { return int(int32(binary.BigEndian.Uint32(b[at:]))) }
func (b batch) records() int      { return b.number(atRecords) }
func (b batch) codec() kgo.CompressionCodecType {
	return kgo.CompressionCodecType(binary.BigEndian.Uint16(b[atAttributes:]) & codecBits)
}

// format is the codec's name.
func (b batch) format() string {
	names := []string{"none", "gzip", "snappy", "lz4", "zstd"}
	if c := int(b.codec()); c < len(names) {
		return names[c]
	}
	return fmt.Sprintf("compression %d", b.codec())
}

// appendInflated appends the batch without compression to out, or one that says why
// not, and returns what a client takes for it in bytes.
func (b batch) appendInflated(out []byte) ([]byte, int) {
	if b.codec() == kgo.CodecNone {
		return append(out, b...), len(b) + b.records()*bytesOfARecord
	}
	records, err := b.decompress()
	if err != nil {
		said := refusal(b, err)
		return b.appendWith(out, said, 1), batchHead + len(said)
	}
	out = b.appendWith(out, records, b.records())
	cost := batchHead + len(records) + b.records()*bytesOfARecord
	decompressed.PutDecompressBytes(records)
	return out, cost
}

// decompress returns the batch's records, which go back to decompressed.
func (b batch) decompress() ([]byte, error) {
	if n := b.records(); n > MaxBatchRecords {
		return nil, fmt.Errorf("holds %d records, more than %d", n, MaxBatchRecords)
	}
	d, err := decompressor()
	if err != nil {
		return nil, err
	}
	out, err := d.Decompress(b[batchHead:], b.codec())
	switch {
	case errors.Is(err, kgo.ErrMaxDecompress):
		return nil, fmt.Errorf("decompresses to more than %d MiB", MaxBatchBytes>>20)
	case err != nil:
		return nil, fmt.Errorf("does not decompress: %w", err)
	}
	return out, nil
}

// appendWith appends the batch with other records, so many and not compressed.
func (b batch) appendWith(out, records []byte, n int) []byte {
	at := len(out)
	out = slices.Grow(out, batchHead+len(records))
	out = append(append(out, b[:batchHead]...), records...)
	made := out[at:]
	binary.BigEndian.PutUint32(made[atLength:], uint32(len(made)-atLength-4))
	binary.BigEndian.PutUint16(made[atAttributes:], binary.BigEndian.Uint16(b[atAttributes:])&^codecBits)
	binary.BigEndian.PutUint32(made[atRecords:], uint32(n))
	binary.BigEndian.PutUint32(made[atChecksum:], crc32.Checksum(made[atAttributes:], castagnoli))
	return out
}
