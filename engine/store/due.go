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

// Due is when something is to be done about a row, in milliseconds since 1970, 0 for
// never: by the row alone, and by the row and a policy that is not in it. Why is kept
// beside the latter, and means what who gave it has it mean.
type Due struct {
	Row, Policy int64
	Why         uint8
}

// dues is what a partition knows of its index.
type dues struct {
	indexed bool   // the index on the disk is that of the rows there
	any     bool   // it may have entries
	policy  uint64 // the one that it is by
}

// IndexDue has the store keep when each row is due. Policy, which may be nil, returns
// the hash of the one that due goes by, 0 for none: an index by another is made anew when a
// partition is opened, and by [Store.EachDue]. Both functions must be safe for
// concurrent use. It must be called before a partition is opened.
func (s *Store) IndexDue(due func(partition int32, key string, row []byte) Due, policy func() uint64) {
	s.due, s.policy = due, policy
}

func (s *Store) policyHash() uint64 {
	if s.policy == nil {
		return 0
	}
	return s.policy()
}

// EachDue calls visit with the key of every row of a partition that is due at some
// time, in the order of the keys, and with that time. It may do so for a key whose row
// is not due any more, or at another time. It returns the first error of visit. An index
// by another policy than that of now is made anew before, which holds up writes to the
// disk for as long.
func (s *Store) EachDue(ctx context.Context, number int32, visit func(key string, due Due) error) error {
	p, err := s.partition(number)
	if err != nil {
		return err
	}
	if err := s.flush(0); err != nil {
		return err
	}
	s.flushing.Lock()
	p.dues.indexed = p.dues.indexed && p.dues.policy == s.policyHash()
	s.flushing.Unlock()
	if err := p.index(); err != nil {
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
		due, err := parseDue(value)
		if err != nil {
			return err
		}
		if err := visit(string(iter.Key()), due); err != nil {
			return err
		}
	}
	return iter.Err()
}

// Keys returns, in their order, up to n keys of an open partition after one whose rows are
// wanted; none if there are no more. No row may be modified or kept by want. The error may
// be that of ctx.
func (s *Store) Keys(ctx context.Context, number int32, after string, n int, want func(row []byte) bool) ([]string, error) {
	p, err := s.partition(number)
	if err != nil {
		return nil, err
	}
	if err := s.flush(0); err != nil {
		return nil, err
	}
	start := after
	if after != "" {
		start += "\x00" // the first key that follows
	}
	iter, err := s.rows.iterate(p.key(rowKind, start), p.key(rowKind+1, ""))
	if err != nil {
		return nil, err
	}
	defer iter.Release()
	var keys []string
	for looked := 0; len(keys) < n && iter.Next(); looked++ {
		if looked%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		value, err := iter.Value()
		if err != nil {
			return nil, err
		}
		if want(value) {
			keys = append(keys, string(iter.Key()))
		}
	}
	return keys, iter.Err()
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
func (p *partition) writeDue(b entries, key string, value []byte) error {
	if p.store.due == nil {
		return nil
	}
	var due Due
	if value != nil {
		due = p.store.due(p.number, key, value)
	}
	switch {
	case due != Due{}:
		p.dues.any = true
		return b.Set(p.key(dueKind, key), due.append(nil), nil)
	case p.dues.any:
		return b.Delete(p.key(dueKind, key), nil)
	}
	return nil
}

// append adds due as it is stored: 8 bytes, or 17 if it is due by the policy.
func (d Due) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(d.Row))
	if d.Policy != 0 {
		b = append(binary.BigEndian.AppendUint64(b, uint64(d.Policy)), d.Why)
	}
	return b
}

func parseDue(b []byte) (d Due, err error) {
	switch len(b) {
	case 17:
		d.Policy, d.Why = int64(binary.BigEndian.Uint64(b[8:])), b[16]
		fallthrough
	case 8:
		d.Row = int64(binary.BigEndian.Uint64(b))
		return d, nil
	}
	return d, fmt.Errorf("stored due of %d bytes, want 8 or 17", len(b))
}

// mark is what is stored of an index that is that of the rows at an offset, as stored.
func mark(offset []byte, policy uint64) []byte {
	if policy == 0 {
		return offset
	}
	return binary.BigEndian.AppendUint64(bytes.Clone(offset), policy)
}

// markIndexed notes at which offset the index is that of the rows. A release that
// knows no index moves the offset alone, and so does this one while entries of two
// policies may be in it.
func (p *partition) markIndexed(b entries, offset int64, hasOffset bool) error {
	if p.store.due == nil {
		return nil
	}
	if p.dues.policy != p.store.policyHash() {
		p.dues.indexed = false
		return b.Delete(p.key(indexedKind, ""), nil)
	}
	if !p.dues.indexed {
		return nil
	}
	if !hasOffset {
		offset = -1
	}
	return b.Set(p.key(indexedKind, ""), mark(binary.BigEndian.AppendUint64(nil, uint64(offset)), p.dues.policy), nil)
}

// index makes the index of a partition anew from its rows, if that on the disk is not
// theirs: of a store that another release has written, or by another policy.
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
	p.dues.policy = s.policyHash()
	found, err := s.rows.get(p.key(indexedKind, ""))
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
	at = mark(at, p.dues.policy)
	if bytes.Equal(found, at) {
		p.dues.any, err = p.has(dueKind)
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

// has reports whether there is anything of a kind on the disk.
func (p *partition) has(kind byte) (bool, error) {
	iter, err := p.store.rows.iterate(p.key(kind, ""), p.key(kind+1, ""))
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
				key := string(iter.Key())
				if due := s.due(p.number, key, value); due != (Due{}) {
					n++
					p.dues.any = true
					if err := b.Set(p.key(dueKind, key), due.append(nil), nil); err != nil {
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
