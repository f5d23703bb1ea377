package inflate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

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
// not. It reports false, and appends nothing, where the answer has no room for it.
func (b batch) appendInflated(out []byte, p *portion) ([]byte, bool) {
	if p.full() {
		return out, false // not decompressed in vain, which took longer than all that fits
	}
	if b.codec() == kgo.CodecNone {
		if !p.fits(len(b), weight(b[batchHead:], b.records())) {
			return out, false
		}
		return append(out, b...), true
	}
	records, err := b.decompress(p)
	place := weight(records, b.records())
	if err == nil && place > MaxBatchRecords {
		giveBack(records)
		err = fmt.Errorf("holds so many headers that they take the place of %d records, more than %d", place, MaxBatchRecords)
	}
	switch {
	case errors.Is(err, errNoRoom):
		return out, false
	case err != nil:
		if records = refusal(b, err); !p.fits(batchHead+len(records), 1) {
			return out, false
		}
		return b.appendWith(out, records, 1), true
	}
	if !p.fits(batchHead+len(records), place) {
		giveBack(records)
		return out, false
	}
	out = b.appendWith(out, records, b.records())
	giveBack(records)
	return out, true
}

// decompress returns the batch's records, which the caller gives back, or errNoRoom. A
// batch that is a large one is decompressed again, with room for that.
func (b batch) decompress(p *portion) ([]byte, error) {
	n := b.records()
	if n > MaxBatchRecords {
		return nil, fmt.Errorf("holds %d records, more than %d", n, MaxBatchRecords)
	}
	bound := min(max(smallBatch, MaxBatchRatio*len(b)), MaxBatchBytes)
	for size := range decompressors {
		most := sizes[size]
		if last := size == len(sizes)-1; !last && usualRatio*len(b) > most {
			continue
		}
		if size > 0 {
			if sizes[size-1] >= bound {
				break
			}
			if !p.reserve(most, n) {
				return nil, errNoRoom
			}
		}
		d, err := decompressors[size]()
		if err != nil {
			return nil, err
		}
		out, err := d.Decompress(b[batchHead:], b.codec())
		switch {
		case err == nil && len(out) > bound:
			giveBack(out)
		case err == nil:
			return out, nil
		case !errors.Is(err, kgo.ErrMaxDecompress):
			return nil, fmt.Errorf("does not decompress: %w", err)
		}
	}
	if bound < MaxBatchBytes {
		return nil, fmt.Errorf("decompresses to more than %d MiB, and to more than %d times its size", smallBatch>>20, MaxBatchRatio)
	}
	return nil, fmt.Errorf("decompresses to more than %d MiB", MaxBatchBytes>>20)
}

// weight is how many records without headers n records take the place of in memory.
func weight(records []byte, n int) int {
	headers := 0
	for range n {
		size, head := binary.Varint(records)
		if head <= 0 || size < 0 || size > int64(len(records)-head) {
			break // the client says so
		}
		headers += headersOf(records[head : head+int(size)])
		records = records[head+int(size):]
	}
	return n + headers*bytesOfAHeader/bytesOfARecord
}

// headersOf is how many headers a record says it has, 0 for one that is cut. A client has
// an object for each before it has read them.
func headersOf(record []byte) int {
	rest := record[min(1, len(record)):] // behind the attributes
	var n int64
	for _, hasBytes := range [...]bool{false, false, true, true, false} { // time, offset, key, value, headers
		var size int
		if n, size = binary.Varint(rest); size <= 0 {
			return 0
		}
		if rest = rest[size:]; hasBytes {
			if n > int64(len(rest)) {
				return 0
			}
			rest = rest[max(n, 0):]
		}
	}
	return int(min(max(n, 0), int64(len(rest))))
}

// appendWith appends the batch with other records, so many and not compressed.
func (b batch) appendWith(out, records []byte, n int) []byte {
	at := len(out)
	out = grown(out, batchHead+len(records))
	out = appended(append(out, b[:batchHead]...), records)
	made := out[at:]
	binary.BigEndian.PutUint32(made[atLength:], uint32(len(made)-atLength-4))
	binary.BigEndian.PutUint16(made[atAttributes:], binary.BigEndian.Uint16(b[atAttributes:])&^codecBits)
	binary.BigEndian.PutUint32(made[atRecords:], uint32(n))
	binary.BigEndian.PutUint32(made[atChecksum:], checksum(made[atAttributes:]))
	return out
}
