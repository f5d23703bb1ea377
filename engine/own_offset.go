package engine

import (
	"sync"

	"github.com/lovoo/goka/storage"
)

// ownOffsets returns a builder of processor stores whose offset never rises over
// a record that they don't hold. goka sets it to that of each write that the
// broker acknowledges. But one that was paused, and whose partition went to
// another owner meanwhile, writes behind the rows of that owner: they would
// count as read, and when the partition came back, the next record would be
// folded into a row of the past.
//
// Once recovered, an owner's own writes follow each other without a gap. At the
// first gap the offset stays, and the next recovery reads from there.
func ownOffsets(build storage.Builder) storage.Builder {
	return func(topic string, partition int32) (storage.Storage, error) {
		s, err := build(topic, partition)
		if err != nil {
			return nil, err
		}
		return &ownOffset{Storage: s}, nil
	}
}

type ownOffset struct {
	storage.Storage
	mu        sync.Mutex
	recovered bool
	last      int64
}

// MarkRecovered implements storage.Storage.
func (s *ownOffset) MarkRecovered() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Storage.MarkRecovered(); err != nil {
		return err
	}
	last, err := s.GetOffset(-1)
	s.recovered, s.last = true, last
	return err
}

// SetOffset implements storage.Storage.
func (s *ownOffset) SetOffset(offset int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recovered && offset != s.last+1 {
		return nil
	}
	s.last = offset
	return s.Storage.SetOffset(offset)
}
