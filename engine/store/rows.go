package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable/block"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pebble's memory, together with unflushedBytes (which is there up to three
// times: fresh, flushed, and the batch of a flush) under 64 MiB a table; while something
// is restored there are restoreBytes, twice.
const (
	blockCache = 24 << 20 // the memory tables are part of it
	// memoryTable is small since a batch of over half of it goes past it,
	// straight into a file.
	memoryTable = 1 << 20
	// slowLevels is from how many overlapping files on a flush waits for
	// compaction: each costs a read for a row that is in none of them.
	slowLevels = 20
)

// rows is the Pebble database of a store. It fails for good at its first error
// in the background, a full disk or a file that is not what was written, and
// ends neither the process nor hangs then, as Pebble by itself would.
type rows struct {
	path  string
	db    *pebble.DB
	cache *pebble.Cache

	options *pebble.Options

	compactions *compactions
	restoring   atomic.Int64 // partitions
	restored    atomic.Bool  // and what was put off meanwhile is not compacted yet
	writtenRoom atomic.Int64 // for what partitions that are restored remember, in bytes

	failure atomic.Pointer[error]
	failed  chan struct{} // closed by the first failure

	mu     sync.RWMutex
	closed bool
	users  sync.WaitGroup // who is inside the database; it may not be closed then
}

func openRows(files vfs.FS, path string) (*rows, error) {
	if err := removeLogs(files, path); err != nil {
		return nil, err
	}
	r := &rows{path: path, cache: pebble.NewCache(blockCache), compactions: newCompactions(), failed: make(chan struct{})}
	r.writtenRoom.Store(maxWritten)
	options := &pebble.Options{
		FS:                 &dirs{files, r.fail},
		Cache:              r.cache,
		DisableWAL:         true,
		MemTableSize:       memoryTable,
		MaxOpenFiles:       200,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             rowsLogger{r},
		EventListener: &pebble.EventListener{
			BackgroundError: r.fail,
			DataCorruption: func(i pebble.DataCorruptionInfo) {
				r.fail(fmt.Errorf("%w: %s: %w", pebble.ErrCorruption, i.Path, i.Details))
			},
		},
		// A flush makes one file of all that is hot: compacting fewer of them
		// writes less.
		L0CompactionThreshold: fewLevels,
		// A write must never wait inside Pebble for a flush or compaction that
		// may fail: write does it.
		MemTableStopWritesThreshold: 1000,
		L0StopWritesThreshold:       1000,
	}
	options.Experimental.CompactionScheduler = r.compactions
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		options.Levels[i].Compression = func() *block.CompressionProfile { return block.FastestCompression }
	}
	options.EnsureDefaults()
	r.options = options
	db, err := pebble.Open(path, options)
	if err == nil {
		err = r.err()
	}
	if err != nil {
		if db != nil {
			_ = db.Close()
		}
		r.cache.Unref()
		return nil, err
	}
	r.db = db
	return r, nil
}

// removeLogs deletes Pebble's write-ahead logs. There is nothing in them, but
// where it finds one it flushes while it opens, and if that fails, on a full
// disk, it never returns.
func removeLogs(files vfs.FS, path string) error {
	names, err := files.List(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		if filepath.Ext(name) == ".log" {
			err = errors.Join(err, files.Remove(filepath.Join(path, name)))
		}
	}
	return err
}

// enter tells whether the database may be used, until leave.
func (r *rows) enter() error {
	if err := r.err(); err != nil {
		return err
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return pebble.ErrClosed
	}
	r.users.Add(1)
	return nil
}

func (r *rows) leave() { r.users.Done() }

// get returns a value that the caller owns, nil if there is none.
func (r *rows) get(key []byte) ([]byte, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.leave()
	value, closer, err := r.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		r.fail(err)
		return nil, err
	}
	owned := append(make([]byte, 0, len(value)), value...)
	return owned, closer.Close()
}

// write puts what fill writes onto the disk, all or nothing of it. One call at
// a time.
func (r *rows) write(size int, fill func(*pebble.Batch) error) error {
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	if err := r.awaitCompaction(); err != nil {
		return err
	}
	b := r.db.NewBatchWithSize(size + size/4)
	if err := fill(b); err != nil {
		return errors.Join(err, b.Close())
	}
	if b.Empty() {
		return b.Close()
	}
	if err := r.db.Apply(b, pebble.NoSync); err != nil {
		r.fail(err)
		return err
	}
	flushed, err := r.db.AsyncFlush()
	if err != nil {
		r.fail(err)
		return err
	}
	select {
	case <-flushed:
		r.pace()
		return b.Close()
	case <-r.failed:
		return r.err()
	}
}

func (r *rows) awaitCompaction() error {
	for levels := r.levels(); levels > r.mostLevels(levels); levels = r.levels() {
		timer := time.NewTimer(10 * time.Millisecond)
		select {
		case <-timer.C:
		case <-r.failed:
			timer.Stop()
			return r.err()
		}
	}
	return nil
}

// fail may be called by Pebble, which holds locks then.
func (r *rows) fail(err error) {
	if r.failure.CompareAndSwap(nil, &err) {
		close(r.failed)
	}
}

func (r *rows) err() error {
	if err := r.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// close waits for the callers inside. Rows that failed because they are corrupt are
// marked, so that they aren't used again.
func (r *rows) close() error {
	r.mu.Lock()
	closed := r.closed
	r.closed = true
	r.mu.Unlock()
	if closed {
		return nil
	}
	failure := r.err()
	var mark error
	if failure != nil && isCorrupt(failure) {
		mark = os.WriteFile(filepath.Join(r.path, corruptMark), nil, 0o600)
	}
	r.users.Wait()
	err := r.db.Close()
	r.cache.Unref()
	if failure != nil {
		return mark // that it can't be closed well is known
	}
	return err
}

// isCorrupt tells an error that is due to what is in the files from one of the
// system's, such as a full disk.
func isCorrupt(err error) bool {
	if pebble.IsCorruptionError(err) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EIO) {
		return true
	}
	var system syscall.Errno
	return !errors.As(err, &system) && !errors.Is(err, pebble.ErrClosed)
}

// rowsLogger hears what Pebble says. A fault that is fatal to Pebble is the
// end of the rows, not of the process.
type rowsLogger struct{ rows *rows }

// Infof implements pebble.Logger.
func (l rowsLogger) Infof(string, ...any) {}

// Errorf implements pebble.Logger. Errors come as events too.
func (l rowsLogger) Errorf(string, ...any) {}

// Fatalf implements pebble.Logger.
func (l rowsLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	for _, a := range args {
		if cause, ok := a.(error); ok {
			err = fmt.Errorf("pebble: %w", cause)
		}
	}
	l.rows.fail(err)
}

// dirs is a file system whose folders never fail to be synced, which Pebble
// answers with a panic in a goroutine of its own: the rows fail instead. What
// was not synced is, after the power failed, either there or not, and both are
// states that were.
type dirs struct {
	vfs.FS
	fail func(error)
}

// OpenDir implements vfs.FS.
func (d *dirs) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return dir{f, d.fail}, nil
}

type dir struct {
	vfs.File
	fail func(error)
}

// Sync implements vfs.File.
func (d dir) Sync() error {
	if err := d.File.Sync(); err != nil {
		d.fail(fmt.Errorf("sync folder: %w", err))
	}
	return nil
}
