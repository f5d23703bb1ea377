package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// bulk is the rows of a partition that is restored until they are on the disk: one after
// the other in a few pieces of memory, and found by the hashes of their keys. They come
// nearly once each, so that a map with a value of its own for each would be made for
// nothing.
type bulk struct {
	from   *chunks
	chunks [][]byte // keys, each with its value behind it
	rows   []bulkRow
	slots  []uint32 // by hash: the number of a row and 1, 0 for none; twice as many as rows at least
}

// bulkRow is where a row is.
type bulkRow struct {
	hash      uint64
	chunk, at uint32
	key       uint32 // bytes
	value     int32  // bytes, deleted for none
}

const (
	deleted      = -1
	firstSlots   = 1 << 10
	bulkRowBytes = 24 + 2*4 // with its slots
)

// put writes a row or, with a nil value, deletes it. It returns how many bytes more are
// taken.
func (b *bulk) put(hash uint64, key string, value []byte) (more int) {
	if 2*(len(b.rows)+1) > len(b.slots) {
		b.grow()
	}
	size := int32(len(value))
	if value == nil {
		size = deleted
	}
	slot := b.slot(hash, key)
	var row *bulkRow
	if n := b.slots[slot]; n > 0 {
		row = &b.rows[n-1]
		if size <= row.value {
			copy(b.value(row), value)
			row.value = size
			return 0
		}
	} else {
		b.rows = append(b.rows, bulkRow{hash: hash, key: uint32(len(key))})
		b.slots[slot] = uint32(len(b.rows))
		row, more = &b.rows[len(b.rows)-1], bulkRowBytes
	}
	chunk, taken := b.room(len(key) + len(value))
	row.chunk, row.at, row.value = uint32(len(b.chunks)-1), uint32(len(*chunk)), size
	*chunk = append(append(*chunk, key...), value...)
	return more + taken
}

// room is the last chunk, with room for n bytes, and how many more are taken for it.
func (b *bulk) room(n int) (chunk *[]byte, taken int) {
	if last := len(b.chunks) - 1; last < 0 || cap(b.chunks[last])-len(b.chunks[last]) < n {
		b.chunks = append(b.chunks, b.from.take(n))
		taken = cap(b.chunks[last+1])
	}
	return &b.chunks[len(b.chunks)-1], taken
}

// get returns the row's value, which is the bulk's, nil for one that is deleted.
func (b *bulk) get(hash uint64, key string) (value []byte, ok bool) {
	if len(b.rows) == 0 {
		return nil, false
	}
	n := b.slots[b.slot(hash, key)]
	if n == 0 {
		return nil, false
	}
	return b.value(&b.rows[n-1]), true
}

// slot is that of a key, or the one that is free for it.
func (b *bulk) slot(hash uint64, key string) uint64 {
	last := uint64(len(b.slots) - 1)
	for at := hash & last; ; at = (at + 1) & last {
		n := b.slots[at]
		if n == 0 || b.rows[n-1].hash == hash && string(b.key(&b.rows[n-1])) == key {
			return at
		}
	}
}

func (b *bulk) key(r *bulkRow) []byte { return b.chunks[r.chunk][r.at : r.at+r.key] }

func (b *bulk) value(r *bulkRow) []byte {
	if r.value == deleted {
		return nil
	}
	from := r.at + r.key
	to := from + uint32(r.value)
	return b.chunks[r.chunk][from:to:to]
}

func (b *bulk) grow() {
	b.slots = make([]uint32, max(firstSlots, 2*len(b.slots)))
	last := uint64(len(b.slots) - 1)
	for i := range b.rows {
		at := b.rows[i].hash & last
		for b.slots[at] != 0 {
			at = (at + 1) & last
		}
		b.slots[at] = uint32(i + 1)
	}
}

// reset gives the memory of the rows back.
func (b *bulk) reset() {
	b.from.give(b.chunks)
	clear(b.chunks)
	b.chunks, b.rows = b.chunks[:0], b.rows[:0]
	clear(b.slots)
}

// bulkPlace is a row in the order of keys.
type bulkPlace struct {
	begin uint64 // of its key, behind what all keys begin with
	row   *bulkRow
}

// sorted is the rows in the order of their keys.
func (b *bulk) sorted() []bulkPlace {
	same := b.key(&b.rows[0])
	for i := range b.rows {
		key := b.key(&b.rows[i])
		n := 0
		for n < len(same) && n < len(key) && same[n] == key[n] {
			n++
		}
		same = same[:n]
	}
	order := make([]bulkPlace, len(b.rows))
	for i := range b.rows {
		var begin [8]byte
		copy(begin[:], b.key(&b.rows[i])[len(same):])
		order[i] = bulkPlace{binary.BigEndian.Uint64(begin[:]), &b.rows[i]}
	}
	slices.SortFunc(order, func(x, y bulkPlace) int {
		if x.begin != y.begin {
			return cmp.Compare(x.begin, y.begin)
		}
		return bytes.Compare(b.key(x.row), b.key(y.row))
	})
	return order
}
