package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// bulkWrite is what one partition has written at one point in time.
type bulkWrite struct {
	*partition
	rows      *bulk
	offset    int64
	hasOffset bool
}

// flushBulks writes what partitions that are restored have into one sorted file, which
// becomes part of the database: all or nothing of it. Flushing is locked.
func (s *Store) flushBulks() error {
	var all []bulkWrite
	for _, p := range s.all() {
		if w, ok := p.takeBulk(); ok {
			all = append(all, w)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(x, y bulkWrite) int { return cmp.Compare(uint32(x.number), uint32(y.number)) })
	return s.rows.ingest(func(w sortedFile) error {
		for _, b := range all {
			if err := b.write(w); err != nil {
				return err
			}
		}
		return nil
	})
}

// takeBulk gives what is to be written; it can be read until the next call that does.
func (p *partition) takeBulk() (w bulkWrite, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bulk == nil {
		return w, false
	}
	p.bulkFlushed.reset()
	if len(p.bulk.rows) == 0 {
		return w, false
	}
	p.bulk, p.bulkFlushed = p.bulkFlushed, p.bulk
	p.store.bytes.Add(-p.bytes)
	p.bytes, p.puts = 0, 0
	return bulkWrite{p, p.bulkFlushed, p.offset, p.hasOffset}, true
}

// write adds the partition's entries in the order of their keys on disk: dues, how far
// they go, the offset, rows.
func (b *bulkWrite) write(w sortedFile) error {
	order := b.rows.sorted()
	if b.store.due != nil {
		for _, at := range order {
			if err := b.writeDue(w, string(b.rows.key(at.row)), b.rows.value(at.row)); err != nil {
				return err
			}
		}
	}
	if err := b.markIndexed(w, b.offset, b.hasOffset); err != nil {
		return err
	}
	if b.hasOffset {
		if err := w.Set(b.partition.key(offsetKind, ""), binary.BigEndian.AppendUint64(nil, uint64(b.offset)), nil); err != nil {
			return err
		}
	}
	key := b.partition.key(rowKind, "")
	for _, at := range order {
		key = append(key[:5], b.rows.key(at.row)...)
		value := b.rows.value(at.row)
		err := error(nil)
		if value == nil {
			err = w.Delete(key, nil)
		} else {
			err = w.Set(key, value, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entries is what takes entries of the index: a batch, or a sorted file.
type entries interface {
	Set(key, value []byte, o *pebble.WriteOptions) error
	Delete(key []byte, o *pebble.WriteOptions) error
}

// sortedFile is a file of entries in the order of their keys, each once.
type sortedFile struct{ *sstable.Writer }

var _ entries = sortedFile{}

// Set implements entries.
func (f sortedFile) Set(key, value []byte, _ *pebble.WriteOptions) error {
	return f.Writer.Set(key, value)
}

// Delete implements entries.
func (f sortedFile) Delete(key []byte, _ *pebble.WriteOptions) error { return f.Writer.Delete(key) }

// ingest makes a file that fill has filled part of the database, all or nothing of it. One
// call at a time, and none beside write: nothing in memory overlaps with the file, so that
// Pebble has nothing to wait for.
func (r *rows) ingest(fill func(sortedFile) error) error {
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	if err := r.awaitCompaction(); err != nil {
		return err
	}
	path := r.path + ".ingest"
	err := r.writeSorted(path, fill)
	if err == nil {
		err = r.db.Ingest(context.Background(), []string{path})
	}
	if err != nil {
		r.fail(err)
		return err
	}
	r.pace()
	return nil
}

func (r *rows) writeSorted(path string, fill func(sortedFile) error) error {
	file, err := r.options.FS.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	format := r.options.FormatMajorVersion.MaxTableFormat()
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(file), r.options.MakeWriterOptions(0, format))
	return errors.Join(fill(sortedFile{w}), w.Close())
}
