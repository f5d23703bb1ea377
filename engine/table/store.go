package table

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/lovoo/goka/storage"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/store"
)

// errStore is matched by errors of local stores.
var errStore = errors.New("local store")

// viewStores are the open stores of a whole table. They are written by one
// goroutine for each partition and may be read by any.
type viewStores struct {
	id         kafka.TopicID
	generation int // which folder they are in
	store      *store.Store

	mu    sync.RWMutex // held for reading by who reads, for writing by close
	parts []storage.Storage
	own   []ownRow // by partition
	done  bool     // closed

	marked bool // told that they are recovered
}

// openViewStores opens every partition of a store, which it owns from then on.
func openViewStores(s *store.Store, info kafka.TopicInfo, generation int) (*viewStores, error) {
	v := &viewStores{id: info.ID, generation: generation, store: s}
	for p := range int32(info.Partitions) {
		part, err := s.OpenPartition(s.Topic, p)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%w: %w", errStore, err), v.close())
		}
		v.parts = append(v.parts, part)
	}
	v.own = make([]ownRow, len(v.parts))
	for p := range v.own {
		v.own[p].key = belfry.PartitionKey(int32(p))
	}
	return v, nil
}

// offset is the last offset in a partition's store, -1 if it is empty.
func (v *viewStores) offset(partition int32) (int64, error) {
	offset, err := v.parts[partition].GetOffset(-1)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errStore, err)
	}
	return offset, nil
}

// recovered writes down that everything below next is in the stores, and tells
// them once that recovery is over.
func (v *viewStores) recovered(next func(partition int32) int64) error {
	for p, s := range v.parts {
		kept, err := v.offset(int32(p))
		if err != nil {
			return err
		}
		if offset := next(int32(p)) - 1; offset > kept {
			err = s.SetOffset(offset)
		}
		if err == nil && !v.marked {
			err = s.MarkRecovered()
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errStore, err)
		}
	}
	v.marked = true
	return nil
}

// close waits for reads under way. Later calls do nothing.
func (v *viewStores) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.done {
		return nil
	}
	v.done = true
	var errs []error
	for _, s := range v.parts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, v.store.Close())...)
}

// get returns a value that the caller owns, nil if there is none, and
// belfry.ErrNotReady if the stores are closed.
func (v *viewStores) get(key string) ([]byte, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.done {
		return nil, belfry.ErrNotReady
	}
	return rowOf(v.parts[kafka.Partition(key, len(v.parts))], key)
}

// eachChunk is how many rows are read at a time: between them the stores can be
// closed, and none keeps old files for who visits slowly.
const eachChunk = 4096

func (v *viewStores) each(ctx context.Context, visit func(key string, value []byte, written time.Time) error) error {
	for p := range v.parts {
		var last []byte // nil: from the start
		for more := true; more; {
			rows, err := v.chunk(p, last, eachChunk)
			if err != nil {
				return fmt.Errorf("read rows: %w", err)
			}
			for _, r := range rows {
				if err := ctx.Err(); err != nil {
					return err
				}
				value, written, err := openRow(r.value)
				if err != nil {
					return fmt.Errorf("read row %s: %w", r.key, err)
				}
				if err := visit(string(r.key), value, written); err != nil {
					return err
				}
				last = r.key
			}
			more = len(rows) == eachChunk
		}
	}
	return nil
}

// keyChunk is how many keys are held for who visits them.
const keyChunk = 256

func (v *viewStores) eachKey(ctx context.Context, visit func(key string) error) error {
	first := rand.IntN(len(v.parts))
	for i := range v.parts {
		var last []byte // nil: from the start
		for more := true; more; {
			rows, err := v.chunk((first+i)%len(v.parts), last, keyChunk)
			if err != nil {
				return fmt.Errorf("read keys: %w", err)
			}
			more = len(rows) == keyChunk
			for j := range rows {
				rows[j].value = nil // not held meanwhile
			}
			for _, r := range rows {
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := visit(string(r.key)); err != nil {
					return err
				}
				last = r.key
			}
		}
	}
	return nil
}

type viewRow struct{ key, value []byte }

// chunk reads the rows after the key last, as many as most.
func (v *viewStores) chunk(partition int, last []byte, most int) ([]viewRow, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.done {
		return nil, belfry.ErrNotReady
	}
	var start []byte
	if last != nil {
		start = append(slices.Clone(last), 0) // the first key after it
	}
	all, err := v.parts[partition].IteratorWithRange(start, nil)
	if err != nil {
		return nil, err
	}
	defer all.Release()
	var rows []viewRow
	for len(rows) < most && all.Next() {
		value, err := all.Value()
		if err != nil {
			return nil, err
		}
		rows = append(rows, viewRow{slices.Clone(all.Key()), slices.Clone(value)})
	}
	return rows, all.Err()
}

// A row in a store is the time its record was written, in milliseconds since
// 1970 and eight bytes, big endian, and the record's value.
const rowHead = 8

func appendRow(b []byte, written time.Time, value []byte) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(written.UnixMilli())), value...)
}

// openRow takes a row apart; value is a part of it.
func openRow(row []byte) (value []byte, written time.Time, err error) {
	if len(row) < rowHead {
		return nil, time.Time{}, fmt.Errorf("%w: row of %d bytes", errStore, len(row))
	}
	return row[rowHead:], time.UnixMilli(int64(binary.BigEndian.Uint64(row))), nil
}
