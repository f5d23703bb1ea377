package store

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
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
	chunkBytes   = 64 << 10
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

// chunks are those that no bulk of a store has at the moment.
type chunks struct {
	mu   sync.Mutex
	free [][]byte
}

// take returns an empty one with room for n bytes.
func (c *chunks) take(n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	last := len(c.free) - 1
	if n > chunkBytes || last < 0 {
		return make([]byte, 0, max(n, chunkBytes))
	}
	chunk := c.free[last]
	c.free[last] = nil
	c.free = c.free[:last]
	return chunk
}

// give takes back chunks that nobody reads any more.
func (c *chunks) give(back [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, chunk := range back {
		if cap(chunk) == chunkBytes {
			c.free = append(c.free, chunk[:0])
		}
	}
}

// forget lets the memory go.
func (c *chunks) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free = nil
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

// bulkWrite is what one partition has written at one point in time.
type bulkWrite struct {
	*partition
	rows      *bulk
	offset    int64
	hasOffset bool
}

// flushBulks writes what partitions that are restored have into one sorted file, which
// becomes part of the database: all or nothing of it. Flushing is locked.
func (s *Store) flushBulks() error {
	var all []bulkWrite
	for _, p := range s.all() {
		if w, ok := p.takeBulk(); ok {
			all = append(all, w)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(x, y bulkWrite) int { return cmp.Compare(uint32(x.number), uint32(y.number)) })
	return s.rows.ingest(func(w sortedFile) error {
		for _, b := range all {
			if err := b.write(w); err != nil {
				return err
			}
		}
		return nil
	})
}

// takeBulk gives what is to be written; it can be read until the next call that does.
func (p *partition) takeBulk() (w bulkWrite, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bulk == nil {
		return w, false
	}
	p.bulkFlushed.reset()
	if len(p.bulk.rows) == 0 {
		return w, false
	}
	p.bulk, p.bulkFlushed = p.bulkFlushed, p.bulk
	p.store.bytes.Add(-p.bytes)
	p.bytes, p.puts = 0, 0
	return bulkWrite{p, p.bulkFlushed, p.offset, p.hasOffset}, true
}

// write adds the partition's entries in the order of their keys on disk: dues, how far
// they go, the offset, rows.
func (b *bulkWrite) write(w sortedFile) error {
	order := b.rows.sorted()
	if b.store.due != nil {
		for _, at := range order {
			if err := b.writeDue(w, string(b.rows.key(at.row)), b.rows.value(at.row)); err != nil {
				return err
			}
		}
	}
	if err := b.markIndexed(w, b.offset, b.hasOffset); err != nil {
		return err
	}
	if b.hasOffset {
		if err := w.Set(b.partition.key(offsetKind, ""), binary.BigEndian.AppendUint64(nil, uint64(b.offset)), nil); err != nil {
			return err
		}
	}
	key := b.partition.key(rowKind, "")
	for _, at := range order {
		key = append(key[:5], b.rows.key(at.row)...)
		value := b.rows.value(at.row)
		err := error(nil)
		if value == nil {
			err = w.Delete(key, nil)
		} else {
			err = w.Set(key, value, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entries is what takes entries of the index: a batch, or a sorted file.
type entries interface {
	Set(key, value []byte, o *pebble.WriteOptions) error
	Delete(key []byte, o *pebble.WriteOptions) error
}

// sortedFile is a file of entries in the order of their keys, each once.
type sortedFile struct{ *sstable.Writer }

var _ entries = sortedFile{}

// Set implements entries.
func (f sortedFile) Set(key, value []byte, _ *pebble.WriteOptions) error {
	return f.Writer.Set(key, value)
}

// Delete implements entries.
func (f sortedFile) Delete(key []byte, _ *pebble.WriteOptions) error { return f.Writer.Delete(key) }
