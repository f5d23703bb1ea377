package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/lovoo/goka/storage"
)

// Recovery is how far the reader of a table has come. Offsets that compaction has
// removed counts as read once it has been passed.
type Recovery struct {
	Done, Total int64 // offsets, since it began
	// Left is about how long the rest takes at the rate so far; below 0 if
	// nothing tells yet.
	Left time.Duration
}

// Percent is 0 to 100; it is 100 for nothing to read.
func (r Recovery) Percent() float64 {
	if r.Total <= 0 || r.Done >= r.Total {
		return 100
	}
	return 100 * float64(r.Done) / float64(r.Total)
}

// span is what of a partition has to be read.
type RecoverySpan struct{ From, Next, End int64 }

// RecoveryOf adds up what began at that time.
func RecoveryOf(spans []RecoverySpan, elapsed time.Duration) Recovery {
	r := Recovery{Left: -1}
	for _, s := range spans {
		if total := s.End - s.From; total > 0 {
			r.Total += total
			r.Done += min(max(s.Next-s.From, 0), total)
		}
	}
	switch {
	case r.Done >= r.Total:
		r.Left = 0
	case r.Done > 0 && elapsed > 0:
		r.Left = time.Duration(float64(elapsed) * float64(r.Total-r.Done) / float64(r.Done))
	}
	return r
}

// recovery watches goka fill the stores of the partitions of one session. goka
// asks its storage where to go on, and its topic manager from where to where the
// table reaches: both are ours.
type recovery struct {
	mu    sync.Mutex
	began time.Time
	parts map[int32]*RecoverySpan
}

// reset forgets the partitions of the session before.
func (r *recovery) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.began, r.parts = time.Now(), map[int32]*RecoverySpan{}
}

func (r *recovery) snapshot() *Recovery {
	r.mu.Lock()
	defer r.mu.Unlock()
	spans := make([]RecoverySpan, 0, len(r.parts))
	for _, s := range r.parts {
		spans = append(spans, *s)
	}
	sum := RecoveryOf(spans, time.Since(r.began))
	return &sum
}

// on calls f with a partition that is being recovered.
func (r *recovery) on(partition int32, f func(*RecoverySpan)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.parts[partition]; s != nil {
		f(s)
	}
}

// watch returns a builder of the same stores.
func (r *recovery) watch(build storage.Builder) storage.Builder {
	return func(topic string, partition int32) (storage.Storage, error) {
		s, err := build(topic, partition)
		if err != nil {
			return nil, err
		}
		stored, err := s.GetOffset(-1)
		if err != nil {
			return s, nil // goka will see it, too, and close the store
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.parts == nil {
			r.parts = map[int32]*RecoverySpan{}
		}
		r.parts[partition] = &RecoverySpan{From: stored + 1, Next: stored + 1}
		return &recovering{Storage: s, recovery: r, partition: partition}, nil
	}
}

// recovering is the store of a partition, told of until it is recovered.
type recovering struct {
	storage.Storage
	recovery  *recovery
	partition int32
	done      atomic.Bool
}

// MarkRecovered implements storage.Storage.
func (s *recovering) MarkRecovered() error {
	s.done.Store(true)
	s.recovery.on(s.partition, func(at *RecoverySpan) { at.Next = at.End })
	return s.Storage.MarkRecovered()
}

// SetOffset implements storage.Storage.
func (s *recovering) SetOffset(offset int64) error {
	if !s.done.Load() {
		s.recovery.on(s.partition, func(at *RecoverySpan) { at.Next = offset + 1 })
	}
	return s.Storage.SetOffset(offset)
}

// bounded is a topic manager that tells where a table begins and ends.
type bounded struct {
	goka.TopicManager
	table    string
	recovery *recovery
}

// GetOffset implements goka.TopicManager.
func (b bounded) GetOffset(topic string, partition int32, at int64) (int64, error) {
	offset, err := b.TopicManager.GetOffset(topic, partition, at)
	if err != nil || topic != b.table {
		return offset, err
	}
	b.recovery.on(partition, func(s *RecoverySpan) {
		switch at {
		case sarama.OffsetOldest:
			s.From, s.Next = max(s.From, offset), max(s.Next, offset)
		case sarama.OffsetNewest:
			s.End = offset
		}
	})
	return offset, nil
}

func (r *recovery) bound(table string, build goka.TopicManagerBuilder) goka.TopicManagerBuilder {
	return func(brokers []string) (goka.TopicManager, error) {
		m, err := build(brokers)
		if err != nil {
			return nil, err
		}
		return bounded{m, table, r}, nil
	}
}
