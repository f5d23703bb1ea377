package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/belfry/belfry/engine/kafka"
)

// shares bounds what is under way: so much of each source partition, and so
// much in all. Waiters are served in the order of coming, so that the partition
// that takes the most cannot starve the others.
type shares struct {
	each[kafka.TopicPartition]
	all   *semaphore.Weighted
	total atomic.Int64
}

// each bounds what is under way of each key.
type each[K comparable] struct {
	most int64 // of one

	mu  sync.Mutex
	one map[K]*semaphore.Weighted // as many as this process has ever read
}

func newEach[K comparable](most int64) each[K] {
	return each[K]{most: most, one: map[K]*semaphore.Weighted{}}
}

func (e *each[K]) of(key K) *semaphore.Weighted {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.one[key] == nil {
		e.one[key] = semaphore.NewWeighted(e.most)
	}
	return e.one[key]
}

// newShares returns shares of bytes; nothing that is taken may be larger than
// ofOne.
func newShares(inAll, ofOne int64) *shares {
	return &shares{each: newEach[kafka.TopicPartition](ofOne), all: semaphore.NewWeighted(inAll)}
}

// take waits until there is room for n of that partition and returns what gives
// it back, or the error of ctx.
func (s *shares) take(ctx context.Context, of kafka.TopicPartition, n int64) (release func(), err error) {
	own := s.of(of)
	// Its own first: what waits for that has nothing of all yet.
	if err := own.Acquire(ctx, n); err != nil {
		return nil, err
	}
	if err := s.all.Acquire(ctx, n); err != nil {
		own.Release(n)
		return nil, err
	}
	s.total.Add(n)
	return func() {
		s.total.Add(-n)
		s.all.Release(n)
		own.Release(n)
	}, nil
}

// taken is what is under way.
func (s *shares) taken() int64 { return s.total.Load() }
