package store

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// The key of a row on disk is the partition, a byte that tells what it is, and
// the row's key: whatever that is, it can't be taken for the offset's.
const (
	dueKind     = 'd' // when a row is due, see due.go
	indexedKind = 'i' // how far the dues are those of the rows
	offsetKind  = 'o'
	rowKind     = 'r'
)

// entryBytes is about what a row in memory takes beside its key and value.
const entryBytes = 64

// partition is one partition of a store: what was written last is in memory,
// where who reads and writes the same rows again and again finds it.
type partition struct {
	store  *Store
	number int32

	mu sync.RWMutex
	// fresh was written since the last flush, flushed between the one before
	// and the last, which may still be under way. A nil value is a deletion.
	// Values of fresh are overwritten in place, those of flushed never.
	fresh, flushed map[string][]byte
	bytes          int64 // of fresh
	puts           int   // since the last flush
	offset         int64
	hasOffset      bool
	user           *partitionStorage // who may use it
	dues           dues

	// Of a partition that is restored, nil otherwise: which keys were written since it was
	// opened empty, and in place of fresh and flushed, the rows.
	written           *written
	bulk, bulkFlushed *bulk

	ahead      map[string][]byte   // rows on the disk that were read ahead; nil: there is none
	aheadBytes int                 // of ahead
	changed    map[string]struct{} // keys written while rows are read ahead; nil: they are not
}

func newPartition(s *Store, number int32) (*partition, error) {
	p := &partition{store: s, number: number, fresh: map[string][]byte{}}
	value, err := s.rows.get(p.key(offsetKind, ""))
	switch {
	case err != nil:
		return nil, err
	case value == nil:
	case len(value) != 8:
		return nil, fmt.Errorf("stored offset has %d bytes, want 8", len(value))
	default:
		p.offset, p.hasOffset = int64(binary.BigEndian.Uint64(value)), true
	}
	return p, nil
}

// key is a key on disk.
func (p *partition) key(kind byte, key string) []byte {
	k := binary.BigEndian.AppendUint32(make([]byte, 0, 5+len(key)), uint32(p.number))
	return append(append(k, kind), key...)
}

// begin starts a use and ends the one before.
func (p *partition) begin() *partitionStorage {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.user = &partitionStorage{p}
	p.forgetAhead()
	p.endRestore()
	return p.user
}

// put writes a row or, with a nil value, deletes it; it tells whether there is
// much to flush.
func (p *partition) put(key string, value []byte) (full bool) {
	p.puts++
	p.dropAhead(key)
	if p.changed != nil {
		p.changed[key] = struct{}{}
	}
	more := 0
	if p.bulk != nil {
		hash := p.written.hash(key)
		p.written.add(hash)
		more = p.bulk.put(hash, key, value)
	} else {
		more = p.putFresh(key, value)
	}
	p.bytes += int64(more)
	return p.store.bytes.Add(int64(more)) >= p.store.unflushed() && more != 0
}

// putFresh returns how many bytes more are taken.
func (p *partition) putFresh(key string, value []byte) (more int) {
	old, ok := p.fresh[key]
	if value != nil && len(value) <= cap(old) && old != nil {
		p.fresh[key] = append(old[:0], value...)
		return 0
	}
	more = -cap(old)
	if !ok {
		more = len(key) + entryBytes
	}
	if value != nil {
		// Rows grow often by a little.
		value = append(make([]byte, 0, len(value)+len(value)/8), value...)
	}
	p.fresh[key] = value
	return more + cap(value)
}

// held returns a row that is in memory, or known to be nowhere; its value is the
// partition's.
func (p *partition) held(key string) (value []byte, ok bool) {
	var hash uint64
	if p.bulk != nil {
		hash = p.written.hash(key)
		if value, ok = p.bulk.get(hash, key); !ok {
			value, ok = p.bulkFlushed.get(hash, key)
		}
		if ok {
			return value, true
		}
	}
	if value, ok = p.fresh[key]; !ok {
		value, ok = p.flushed[key]
	}
	return value, ok || p.bulk != nil && p.written.never(hash)
}

// recent is held with a copy of the value.
func (p *partition) recent(key string) (value []byte, ok bool) {
	if value, ok = p.held(key); value != nil {
		value = append(make([]byte, 0, len(value)), value...)
	}
	return value, ok
}

// flush writes what is fresh to b, at one point in time.
func (p *partition) flush(b *pebble.Batch) error {
	p.mu.RLock()
	room := len(p.fresh)
	p.mu.RUnlock()
	fresh := make(map[string][]byte, room) // made before readers are locked out: that of 50,000 rows takes milliseconds
	p.mu.Lock()
	if p.puts == 0 || p.bulk != nil && len(p.bulk.rows) > 0 { // since bulks were written: the offset goes with these
		p.mu.Unlock()
		return nil
	}
	rows, offset, hasOffset := p.fresh, p.offset, p.hasOffset
	p.fresh, p.flushed = fresh, rows
	p.store.bytes.Add(-p.bytes)
	p.bytes, p.puts = 0, 0
	p.mu.Unlock()
	for key, value := range rows {
		if err := p.write(b, key, value); err != nil {
			return err
		}
		if err := p.writeDue(b, key, value); err != nil {
			return err
		}
	}
	if err := p.markIndexed(b, offset, hasOffset); err != nil || !hasOffset {
		return err
	}
	return b.Set(p.key(offsetKind, ""), binary.BigEndian.AppendUint64(nil, uint64(offset)), nil)
}

func (p *partition) write(b *pebble.Batch, key string, value []byte) error {
	if value == nil {
		return b.Delete(p.key(rowKind, key), nil)
	}
	row := b.SetDeferred(5+len(key), len(value))
	binary.BigEndian.PutUint32(row.Key, uint32(p.number))
	row.Key[4] = rowKind
	copy(row.Key[5:], key)
	copy(row.Value, value)
	return row.Finish()
}
