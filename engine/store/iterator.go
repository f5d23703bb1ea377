package store

import (
	"github.com/cockroachdb/pebble/v2"
)

// rowIterator is a storage.Iterator over rows of one partition.
type rowIterator struct {
	rows   *rows
	iter   *pebble.Iterator
	prefix []byte // of all its keys
	// placed says that it is where Next goes, unplaced that it is nowhere yet.
	placed, unplaced bool
}

// iterate returns an iterator over the keys on disk from lower on and before
// upper. The first five bytes of lower are those of all keys.
func (r *rows) iterate(lower, upper []byte) (*rowIterator, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	iter, err := r.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		r.leave()
		r.fail(err)
		return nil, err
	}
	return &rowIterator{rows: r, iter: iter, prefix: lower[:5:5], unplaced: true}, nil
}

// Next implements storage.Iterator.
func (i *rowIterator) Next() bool {
	switch {
	case i.placed:
		i.placed = false
		return i.iter.Valid()
	case i.unplaced:
		i.unplaced = false
		return i.iter.First()
	}
	return i.iter.Next()
}

// Seek implements storage.Iterator.
func (i *rowIterator) Seek(key []byte) bool {
	i.placed, i.unplaced = true, false
	return i.iter.SeekGE(append(i.prefix, key...))
}

// Key implements storage.Iterator.
func (i *rowIterator) Key() []byte { return i.iter.Key()[len(i.prefix):] }

// Value implements storage.Iterator.
func (i *rowIterator) Value() ([]byte, error) { return i.iter.ValueAndErr() }

// Err implements storage.Iterator.
func (i *rowIterator) Err() error {
	err := i.iter.Error()
	if err != nil {
		i.rows.fail(err)
	}
	return err
}

// Release implements storage.Iterator.
func (i *rowIterator) Release() {
	_ = i.iter.Close()
	i.rows.leave()
}
