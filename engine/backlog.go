package engine

import (
	"slices"
	"sync"

	"github.com/IBM/sarama"
)

// Backlog is how many records a group of this process has yet to process. It is safe for
// concurrent use, and the zero Backlog is ready.
type Backlog struct {
	mu    sync.Mutex
	parts []*func() int64
}

// Records is how many offsets of the partitions that the group has here are not processed,
// as far as their last fetches tell: 0 while it has none.
func (b *Backlog) Records() (n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, part := range b.parts {
		n += (*part)()
	}
	return n
}

// Most is how many of them the partition has that has the most.
func (b *Backlog) Most() (n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, part := range b.parts {
		n = max(n, (*part)())
	}
	return n
}

// Count adds a part of the backlog until release is called, once. It must not block.
func (b *Backlog) Count(part func() int64) (release func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	one := &part
	b.parts = append(b.parts, one)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.parts = slices.DeleteFunc(b.parts, func(other *func() int64) bool { return other == one })
	}
}

// unprocessed returns how many offsets of a claim are not processed, as far as its last fetch
// tells: 0 while it was handed nothing and begins at no known offset.
func unprocessed(at *tracker, c sarama.ConsumerGroupClaim) func() int64 {
	return func() int64 {
		from := at.oldest()
		if from < 0 {
			return 0
		}
		return max(c.HighWaterMarkOffset()-from, 0)
	}
}
