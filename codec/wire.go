package codec

import (
	"encoding/binary"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"
)

// The codecs of what every event passes are written by hand over protowire: they
// are two to five times faster than the generated ones, and write the same bytes.
// They leave to the generated ones what no writer of ours lays out so: a field that is
// unpacked or stands in several places.

// sizeVarint is how many bytes v takes.
func sizeVarint(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// appendVarint appends a field of that number, none for 0, as proto3 does.
func appendVarint(b []byte, number protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}

// appendLength begins a field of n bytes.
func appendLength(b []byte, number protowire.Number, n int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.BytesType), uint64(n))
}

// columnEncoder holds packed columns while they are written.
type columnEncoder struct {
	columns [max(columns, timeColumns)][]byte
}

func (e *columnEncoder) resetColumns() {
	for i := range e.columns {
		e.columns[i] = e.columns[i][:0]
	}
}

// columnsSize is at least what the columns take in a row.
func (e *columnEncoder) columnsSize() (n int) {
	for _, c := range e.columns {
		n += len(c) + 6
	}
	return n
}

func (e *columnEncoder) varint(column int, v uint64) {
	e.columns[column] = protowire.AppendVarint(e.columns[column], v)
}

func (e *columnEncoder) zigzag(column int, v int64) { e.varint(column, protowire.EncodeZigZag(v)) }

func (e *columnEncoder) fixed64(column int, v uint64) {
	e.columns[column] = protowire.AppendFixed64(e.columns[column], v)
}

// column is a packed column that is read from its begin.
type column struct {
	rest []byte
	bad  bool // it ended within a value, or had none left
}

func (c *column) varint() uint64 {
	if len(c.rest) > 0 && c.rest[0] < 0x80 { // as most are
		v := c.rest[0]
		c.rest = c.rest[1:]
		return uint64(v)
	}
	v, n := protowire.ConsumeVarint(c.rest)
	if n < 0 {
		c.bad = true
		return 0
	}
	c.rest = c.rest[n:]
	return v
}

func (c *column) zigzag() int64 { return protowire.DecodeZigZag(c.varint()) }

func (c *column) fixed64() uint64 {
	if len(c.rest) < 8 {
		c.bad = true
		return 0
	}
	v := binary.LittleEndian.Uint64(c.rest)
	c.rest = c.rest[8:]
	return v
}

// done reports whether the column was read to its end, and no further.
func (c *column) done() bool { return !c.bad && len(c.rest) == 0 }
