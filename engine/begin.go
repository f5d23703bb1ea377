package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka/storage"
	"golang.org/x/sync/errgroup"
)

// Partition is one that a session is about to read: its table is recovered, and none
// of its records is processed yet. Its fields and [Partition.Lacks] aside it is of use until
// [Group].Begin returns.
type Partition struct {
	Topic  string // the input's
	Number int32

	Remedy string // Group.Remedy

	rows  storage.Storage
	write func(ctx context.Context, key string, value []byte) (offset int64, err error)
	sup   *Supervisor
}

// Get returns a row of the table, nil if there is none. The caller owns it.
func (p *Partition) Get(key string) ([]byte, error) { return p.rows.Get(key) }

// Each calls visit for every row of the partition's table, in the order of their
// keys. Both are valid during the call only. It stops at the first error of visit, and
// returns it, and at the end of ctx.
func (p *Partition) Each(ctx context.Context, visit func(key, value []byte) error) error {
	all, err := p.rows.Iterator()
	if err != nil {
		return err
	}
	defer all.Release()
	for all.Next() {
		value, err := all.Value()
		if err == nil {
			err = errors.Join(ctx.Err(), visit(all.Key(), value))
		}
		if err != nil {
			return err
		}
	}
	return all.Err()
}

// Set writes a row of the table and waits for the broker's acknowledgement. The key
// must be one of the partition.
func (p *Partition) Set(ctx context.Context, key string, value []byte) error {
	offset, err := p.write(ctx, key, value)
	if err == nil {
		err = p.rows.Set(key, value)
	}
	if err == nil {
		err = p.rows.SetOffset(offset)
	}
	if err != nil {
		return fmt.Errorf("write row %s: %w", key, err)
	}
	return nil
}

// Lacks has the processor's status say, until the session ends, what the partition
// lacks although it is processed. The first call of a session counts. It may be called
// at any time.
func (p *Partition) Lacks(reason string) {
	if p.sup.lacks(Lack{p.Topic, p.Number, reason, p.Remedy}) {
		p.sup.Log.Warn("partition is processed, but lacks something", "topic", p.Topic, "partition", p.Number, "reason", reason, "remedy", p.Remedy)
	}
}

// Lack is what a partition that is processed lacks.
type Lack Refusal

// String is one line for people.
func (l Lack) String() string { return Refusal(l).String() }

// lacks notes a lack, and reports whether it is the partition's first of the session.
func (s *Supervisor) lacks(l Lack) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.status.Lacks, func(k Lack) bool { return k.Topic == l.Topic && k.Partition == l.Partition }) {
		return false
	}
	s.status.Lacks = append(slices.Clip(s.status.Lacks), l) // snapshots share what is there
	return true
}

// lacksNothing is the start of a session.
func (s *Supervisor) lacksNothing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Lacks = nil
}

// beginAll calls the group's Begin for all partitions that the session reads. A session
// that is over by then reads none: goka gives up recovering its tables without an error,
// and what Begin would find in them is not all.
func (g *group) beginAll(s *session) error {
	g.sup.lacksNothing()
	if g.Begin == nil || s.Context().Err() != nil {
		return nil
	}
	all, ctx := errgroup.WithContext(s.Context())
	for claim := range s.trackers {
		if s.refused[claim] {
			continue
		}
		rows := g.tables.of(claim.Partition)
		if rows == nil {
			return fmt.Errorf("the table of %s/%d is not open", claim.Topic, claim.Partition)
		}
		all.Go(func() error {
			err := g.Begin(ctx, &Partition{
				Topic: claim.Topic, Number: claim.Partition, Remedy: g.Remedy, rows: rows, write: g.writeRow, sup: g.sup,
			})
			if err != nil {
				return fmt.Errorf("begin %s/%d: %w", claim.Topic, claim.Partition, err)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil && s.Context().Err() == nil {
		return err
	}
	return nil
}

// writeRow writes a row of the group's table and returns its offset.
func (g *group) writeRow(ctx context.Context, key string, value []byte) (int64, error) {
	type result struct {
		offset int64
		err    error
	}
	written := make(chan result, 1)
	rows := g.rows.Load()
	rows.Emit(rows.table, key, value).ThenWithMessage(func(m *sarama.ProducerMessage, err error) {
		r := result{err: err}
		if err == nil {
			r.offset = m.Offset
		}
		written <- r
	})
	select {
	case r := <-written:
		return r.offset, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// tables are the stores of the partitions that goka has open.
type tables struct {
	mu   sync.Mutex
	open map[int32]storage.Storage
}

// watch returns a builder of the same stores.
func (t *tables) watch(build storage.Builder) storage.Builder {
	return func(topic string, partition int32) (storage.Storage, error) {
		s, err := build(topic, partition)
		if err != nil {
			return nil, err
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.open == nil {
			t.open = map[int32]storage.Storage{}
		}
		t.open[partition] = s
		return s, nil
	}
}

// of returns the store that was opened last, nil if there is none.
func (t *tables) of(partition int32) storage.Storage {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[partition]
}
