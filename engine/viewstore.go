package engine

import (
	"sync"

	"github.com/lovoo/goka/storage"

	"github.com/belfry/belfry"
)

// viewStores are the open stores of one attempt of a view, to be read from:
// goka's own View.Get may not be called while the view is being built or ends,
// since Run changes without a lock what Get reads.
type viewStores struct {
	mu   sync.RWMutex
	open []storage.Storage // by partition; nil while it isn't open
}

func newViewStores(partitions int) *viewStores {
	return &viewStores{open: make([]storage.Storage, partitions)}
}

// storage returns a builder of stores that can be read from until closed.
func (v *viewStores) storage(build storage.Builder) storage.Builder {
	return func(topic string, partition int32) (storage.Storage, error) {
		s, err := build(topic, partition)
		if err != nil {
			return nil, err
		}
		v.put(partition, s)
		return &viewStore{s, func() { v.put(partition, nil) }}, nil
	}
}

func (v *viewStores) put(partition int32, s storage.Storage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	// The topic may have got more partitions since they were counted.
	if int(partition) < len(v.open) {
		v.open[partition] = s
	}
}

// get returns a value that the caller owns, nil if there is none, and
// belfry.ErrNotReady if its store isn't open.
func (v *viewStores) get(key string) ([]byte, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s := v.open[Partition(key, len(v.open))]
	if s == nil {
		return nil, belfry.ErrNotReady
	}
	return s.Get(key)
}

// viewStore tells before it is closed.
type viewStore struct {
	storage.Storage
	closing func()
}

// Close implements storage.Storage. It waits for reads under way.
func (s *viewStore) Close() error {
	s.closing()
	return s.Storage.Close()
}
