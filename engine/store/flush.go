package store

import (
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// keepFlushing flushes what is many or old, and closes rows that failed: Pebble
// would go on trying.
func (s *Store) keepFlushing() {
	ticker := time.NewTicker(flushCheck)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case now := <-ticker.C:
			if now.Sub(last) >= unflushedAge && s.puts() > 0 {
				// If it fails, the next write returns its error.
				_ = s.flush(0)
				last = now
			}
		case <-s.rows.failed:
			_ = s.rows.close()
			return
		case <-s.stop:
			return
		}
	}
}

// freshBytes is how much is fresh.
func (s *Store) freshBytes() (sum int) {
	for _, p := range s.all() {
		p.mu.RLock()
		if p.bulk == nil {
			sum += int(p.bytes)
		}
		p.mu.RUnlock()
	}
	return sum
}

// puts is how much was written since the last flush.
func (s *Store) puts() int {
	sum := 0
	for _, p := range s.all() {
		p.mu.RLock()
		sum += p.puts
		p.mu.RUnlock()
	}
	return sum
}

func (s *Store) all() []*partition {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*partition, 0, len(s.partitions))
	for _, p := range s.partitions {
		all = append(all, p)
	}
	return all
}

// flush writes all that was written before it was called to disk, unless that
// is less than atLeast bytes: then somebody else has just done it.
func (s *Store) flush(atLeast int64) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	if s.bytes.Load() < atLeast {
		return s.rows.err()
	}
	if err := s.flushBulks(); err != nil {
		return err
	}
	return s.rows.write(s.freshBytes(), func(b *pebble.Batch) error {
		for _, p := range s.all() {
			if err := p.flush(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// empty deletes the rows and the offset of a partition that nobody else uses.
func (s *Store) empty(p *partition) error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	p.mu.Lock()
	s.bytes.Add(-p.bytes)
	p.fresh, p.flushed = map[string][]byte{}, nil
	if p.bulk != nil {
		p.bulk.reset()
		p.bulkFlushed.reset()
	}
	p.bytes, p.puts, p.hasOffset = 0, 0, false
	p.forgetAhead()
	p.mu.Unlock()
	return s.rows.write(0, func(b *pebble.Batch) error {
		return b.DeleteRange(p.key(dueKind, ""), p.key(rowKind+1, ""), nil)
	})
}
