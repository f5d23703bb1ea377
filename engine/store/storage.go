package store

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/lovoo/goka/storage"
)

// partitionStorage is the use of a partition until it is closed or opened again. A late
// acknowledgement of an earlier use must not move the offset: others may
// have written records in between that this store doesn't have.
type partitionStorage struct{ p *partition }

var _ storage.Storage = (*partitionStorage)(nil)

// usable may be called with the partition locked only.
func (s *partitionStorage) usable() error {
	if s.p.user != s {
		return fmt.Errorf("store of %s/%d: %w", s.p.store.Topic, s.p.number, pebble.ErrClosed)
	}
	return s.p.store.rows.err()
}

// Open implements storage.Storage.
func (s *partitionStorage) Open() error { return nil }

// MarkRecovered implements storage.Storage. What was restored is on the disk then.
func (s *partitionStorage) MarkRecovered() error {
	s.p.mu.RLock()
	restored := s.p.user == s && s.p.bulk != nil
	s.p.mu.RUnlock()
	if !restored {
		return nil
	}
	if err := s.p.store.flush(0); err != nil {
		return fmt.Errorf("write store of %s/%d: %w", s.p.store.Topic, s.p.number, err)
	}
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.p.user == s {
		s.p.endRestore()
	}
	return nil
}

// Close implements storage.Storage.
func (s *partitionStorage) Close() error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if s.p.user == s {
		s.p.user = nil
		s.p.forgetAhead()
		s.p.endRestore()
	}
	return nil
}

// Has implements storage.Storage.
func (s *partitionStorage) Has(key string) (bool, error) {
	value, err := s.Get(key)
	return value != nil, err
}

// Get implements storage.Storage. The caller owns the result. Safe for
// concurrent use, as all methods are.
func (s *partitionStorage) Get(key string) ([]byte, error) {
	s.p.mu.RLock()
	if err := s.usable(); err != nil {
		s.p.mu.RUnlock()
		return nil, err
	}
	value, ok := s.p.recent(key)
	ahead := len(s.p.ahead) > 0
	s.p.mu.RUnlock()
	if ok {
		return value, nil
	}
	if ahead {
		s.p.mu.Lock()
		// Not what was written since: that has dropped it.
		value, ok = s.p.dropAhead(key)
		s.p.mu.Unlock()
		if ok {
			return value, nil
		}
	}
	value, err := s.p.store.rows.get(s.p.key(rowKind, key))
	if err != nil {
		return nil, fmt.Errorf("read store of %s/%d: %w", s.p.store.Topic, s.p.number, err)
	}
	return value, nil
}

// Set implements storage.Storage. It copies the value, and waits for the disk
// when too much is in memory.
func (s *partitionStorage) Set(key string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	return s.put(key, value)
}

// Delete implements storage.Storage.
func (s *partitionStorage) Delete(key string) error { return s.put(key, nil) }

func (s *partitionStorage) put(key string, value []byte) error {
	s.p.mu.Lock()
	if err := s.usable(); err != nil {
		s.p.mu.Unlock()
		return err
	}
	full := s.p.put(key, value)
	s.p.mu.Unlock()
	if !full {
		return nil
	}
	if err := s.p.store.flush(s.p.store.unflushed()); err != nil {
		return fmt.Errorf("write store of %s/%d: %w", s.p.store.Topic, s.p.number, err)
	}
	return nil
}

// GetOffset implements storage.Storage.
func (s *partitionStorage) GetOffset(missing int64) (int64, error) {
	s.p.mu.RLock()
	defer s.p.mu.RUnlock()
	if err := s.usable(); err != nil {
		return 0, err
	}
	if !s.p.hasOffset {
		return missing, nil
	}
	return s.p.offset, nil
}

// SetOffset implements storage.Storage. Values set before are part of what the
// offset claims.
func (s *partitionStorage) SetOffset(offset int64) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if err := s.usable(); err != nil {
		return err
	}
	if !s.p.hasOffset || s.p.offset != offset {
		s.p.offset, s.p.hasOffset = offset, true
		s.p.puts++
	}
	return nil
}

// Iterator implements storage.Storage: all rows in the order of their keys, as
// they are now. It must be released before the store can be closed.
func (s *partitionStorage) Iterator() (storage.Iterator, error) { return s.IteratorWithRange(nil, nil) }

// IteratorWithRange implements storage.Storage: the rows from start on and
// before limit; an empty one is no bound.
func (s *partitionStorage) IteratorWithRange(start, limit []byte) (storage.Iterator, error) {
	s.p.mu.RLock()
	err := s.usable()
	s.p.mu.RUnlock()
	if err != nil {
		return nil, err
	}
	// All rows are on disk then, and an iterator there sees one state of them.
	if err := s.p.store.flush(0); err != nil {
		return nil, err
	}
	upper := s.p.key(rowKind+1, "")
	if len(limit) > 0 {
		upper = s.p.key(rowKind, string(limit))
	}
	return s.p.store.rows.iterate(s.p.key(rowKind, string(start)), upper)
}
