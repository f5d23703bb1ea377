package table

import (
	"fmt"
	"sync/atomic"

	"github.com/lovoo/goka/storage"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
)

// ownRow is what [Definition.Own] has made of a partition's own row. The records of a
// partition are written in their order, and a row of its own is published when it is
// written, before the next record. So a read that finds the same one before and after it
// has read another row, has a row that was in the table together with it: what is
// published is never published again.
type ownRow struct {
	key  string
	made atomic.Pointer[any] // nil: to be read
}

// publish has readers find what was made of a value, nil for none.
func (o *ownRow) publish(own func([]byte) any, value []byte) {
	made := own(value)
	o.made.Store(&made)
}

// load publishes the own rows that the stores have. Nobody writes to them meanwhile.
func (v *viewStores) load(own func([]byte) any) error {
	if own == nil {
		return nil
	}
	for p := range v.own {
		value, err := rowOf(v.parts[p], v.own[p].key)
		if err != nil {
			return err
		}
		v.own[p].publish(own, value)
	}
	return nil
}

// read is get with what was made of the own row of the key's partition.
func (v *viewStores) read(key string) (value []byte, own any, err error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.done {
		return nil, nil, belfry.ErrNotReady
	}
	p := kafka.Partition(key, len(v.parts))
	for made := v.own[p].made.Load(); ; {
		if value, err = rowOf(v.parts[p], key); err != nil {
			return nil, nil, err
		}
		now := v.own[p].made.Load()
		if now == made {
			return value, *made, nil
		}
		made = now
	}
}

// OwnOf returns what [Definition.Own] has made of a partition's own row. The error matches
// belfry.ErrNotReady unless [View.Recovered].
func (v *View) OwnOf(partition int32) (any, error) {
	current := v.current.Load()
	if current == nil {
		return nil, fmt.Errorf("read %s: %w", v.table.Topic, belfry.ErrNotReady)
	}
	if partition < 0 || int(partition) >= len(current.own) {
		return nil, fmt.Errorf("read %s: %w: it has %d partitions, not %d", v.table.Topic, kafka.ErrTopic, len(current.own), partition+1)
	}
	return *current.own[partition].made.Load(), nil
}

// rowOf returns the value of a key, nil if there is none.
func rowOf(part storage.Storage, key string) ([]byte, error) {
	row, err := part.Get(key)
	if err != nil || row == nil {
		return nil, err
	}
	value, _, err := openRow(row)
	return value, err
}
