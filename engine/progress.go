package engine

import (
	"sync"
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka/storage"
)

// progress knows how far a view has come. goka's own figures are refreshed once
// a minute and start at the whole table after a warm start.
type progress struct {
	consumer atomic.Pointer[sarama.Consumer]
	mu       sync.Mutex
	next     map[int32]int64 // partition to the offset after the last one applied
}

func (p *progress) applied(partition int32, offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = map[int32]int64{}
	}
	p.next[partition] = offset + 1
}

// storage lets progress know the offset that a warm store starts from.
func (p *progress) storage(build storage.Builder) storage.Builder {
	return func(topic string, partition int32) (storage.Storage, error) {
		s, err := build(topic, partition)
		if err != nil {
			return nil, err
		}
		// -1 is that of an empty store: nothing has been applied.
		offset, err := s.GetOffset(-1)
		if err != nil {
			return nil, err
		}
		p.applied(partition, offset)
		return s, nil
	}
}

func (p *progress) lag(topic string) int64 {
	consumer := p.consumer.Load()
	if consumer == nil {
		return 0
	}
	ends := (*consumer).HighWaterMarks()[topic]
	p.mu.Lock()
	defer p.mu.Unlock()
	var lag int64
	for partition, end := range ends {
		lag += max(end-p.next[partition], 0)
	}
	return lag
}
