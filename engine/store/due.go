package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// The due-index says when rows are due without a look at the rows: beside a row that
// is, its key has another entry on the disk, with the time. Both are written in one
// batch, so that the index is that of the rows whatever ends the process. It may hold
// more: who reads it looks at the row before he does anything.

// dues is what a partition knows of its index.
type dues struct {
	indexed bool // the index on the disk is that of the rows there
	any     bool // it may have entries
}

// IndexDue has the store keep when each row is due, in milliseconds since 1970, 0 for
// never; due must be safe for concurrent use. It must be called before a partition is opened.
func (s *Store) IndexDue(due func(row []byte) int64) { s.due = due }

// EachDue calls visit with the key of every row of a partition that is due at some
// time, in the order of the keys, and with that time. It may do so for a key whose row
// is not due any more, or at another time. It returns the first error of visit.
func (s *Store) EachDue(ctx context.Context, number int32, visit func(key string, due int64) error) error {
	p, err := s.partition(number)
	if err != nil {
		return err
	}
	if err := s.flush(0); err != nil {
		return err
	}
	iter, err := s.rows.iterate(p.key(dueKind, ""), p.key(dueKind+1, ""))
	if err != nil {
		return err
	}
	defer iter.Release()
	for n := 0; iter.Next(); n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		value, err := iter.Value()
		if err != nil {
			return err
		}
		if len(value) != 8 {
			return fmt.Errorf("stored due of %d bytes, want 8", len(value))
		}
		if err := visit(string(iter.Key()), int64(binary.BigEndian.Uint64(value))); err != nil {
			return err
		}
	}
	return iter.Err()
}

// Row returns the present row with that key of an open partition, nil if there is none.
func (s *Store) Row(number int32, key string) ([]byte, error) {
	p, err := s.partition(number)
	if err != nil {
		return nil, err
	}
	p.mu.RLock()
	user := p.user
	p.mu.RUnlock()
	if user == nil {
		return nil, fmt.Errorf("store of %s/%d: %w", s.Topic, number, pebble.ErrClosed)
	}
	return user.Get(key)
}

// writeDue writes the entry of a row beside it, nil for a row that is deleted. Where
// no row was ever due nothing is written.
func (p *partition) writeDue(b *pebble.Batch, key string, value []byte) error {
	if p.store.due == nil {
		return nil
	}
	at := int64(0)
	if value != nil {
		at = p.store.due(value)
	}
	switch {
	case at != 0:
		p.dues.any = true
		return b.Set(p.key(dueKind, key), binary.BigEndian.AppendUint64(nil, uint64(at)), nil)
	case p.dues.any:
		return b.Delete(p.key(dueKind, key), nil)
	}
	return nil
}

// markIndexed notes at which offset the index is that of the rows. A release that
// knows no index moves the offset alone.
func (p *partition) markIndexed(b *pebble.Batch, offset int64, hasOffset bool) error {
	if p.store.due == nil {
		return nil
	}
	if !hasOffset {
		offset = -1
	}
	return b.Set(p.key(indexedKind, ""), binary.BigEndian.AppendUint64(nil, uint64(offset)), nil)
}

// index makes the index of a partition anew from its rows, if that on the disk is not
// theirs: of a store that another release has written.
func (p *partition) index() error {
	s := p.store
	if s.due == nil {
		return nil
	}
	s.flushing.Lock()
	defer s.flushing.Unlock()
	if p.dues.indexed {
		return nil
	}
	mark, err := s.rows.get(p.key(indexedKind, ""))
	if err != nil {
		return err
	}
	at, err := s.rows.get(p.key(offsetKind, ""))
	if err != nil {
		return err
	}
	if at == nil {
		at = binary.BigEndian.AppendUint64(nil, uint64(1<<64-1))
	}
	if bytes.Equal(mark, at) {
		p.dues.any, err = p.hasDues()
		p.dues.indexed = err == nil
		return err
	}
	if err := s.rows.write(0, func(b *pebble.Batch) error {
		return b.DeleteRange(p.key(dueKind, ""), p.key(indexedKind+1, ""), nil)
	}); err != nil {
		return err
	}
	if err := p.indexRows(); err != nil {
		return err
	}
	p.dues.indexed = true
	return s.rows.write(0, func(b *pebble.Batch) error { return b.Set(p.key(indexedKind, ""), at, nil) })
}

func (p *partition) hasDues() (bool, error) {
	iter, err := p.store.rows.iterate(p.key(dueKind, ""), p.key(dueKind+1, ""))
	if err != nil {
		return false, err
	}
	defer iter.Release()
	return iter.Next(), iter.Err()
}

// indexBatch is how many entries are written at once.
const indexBatch = 10_000

// indexRows goes through all rows of the partition on the disk.
func (p *partition) indexRows() error {
	s := p.store
	iter, err := s.rows.iterate(p.key(rowKind, ""), p.key(rowKind+1, ""))
	if err != nil {
		return err
	}
	defer iter.Release()
	for more := true; more; {
		err := s.rows.write(0, func(b *pebble.Batch) error {
			for n := 0; n < indexBatch; {
				if more = iter.Next(); !more {
					return iter.Err()
				}
				value, err := iter.Value()
				if err != nil {
					return err
				}
				if at := s.due(value); at != 0 {
					n++
					p.dues.any = true
					if err := b.Set(p.key(dueKind, string(iter.Key())), binary.BigEndian.AppendUint64(nil, uint64(at)), nil); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
