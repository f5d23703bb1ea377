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
	most  int64 // of one
	all   *semaphore.Weighted
	total atomic.Int64

	mu  sync.Mutex
	one map[kafka.TopicPartition]*semaphore.Weighted // as many as this process has ever read
}

// newShares returns shares of bytes; nothing that is taken may be larger than
// ofOne.
func newShares(inAll, ofOne int64) *shares {
	return &shares{most: ofOne, all: semaphore.NewWeighted(inAll), one: map[kafka.TopicPartition]*semaphore.Weighted{}}
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

func (s *shares) of(key kafka.TopicPartition) *semaphore.Weighted {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.one[key] == nil {
		s.one[key] = semaphore.NewWeighted(s.most)
	}
	return s.one[key]
}

// taken is what is under way.
func (s *shares) taken() int64 { return s.total.Load() }
