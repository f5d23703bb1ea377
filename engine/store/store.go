package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/lovoo/goka/storage"
)

// A store keeps so much in memory before it writes it to disk. A process that is killed
// loses that much, and reads it again from the table's topic.
const (
	unflushedBytes = 10 << 20
	unflushedAge   = 30 * time.Second
	flushCheck     = time.Second
)

// corruptMark is the file that marks rows found corrupt while they were in use.
const corruptMark = "CORRUPT"

// Store is the local copy of one table: all partitions in one Pebble database,
// under dir/<topic>/<topic ID>/rows, in front of which each partition keeps
// what was written last.
//
// The table's topic is the write-ahead log. So nothing is written to disk
// before flush, which writes the rows and the offsets of all partitions as one
// batch: what is on disk is always a state that was, and an offset never claims
// a row that isn't there. Everything on disk has a checksum; a database that
// isn't what was written is set aside and built anew from the topic.
//
// It lives as long as the processor or view that owns it: a rebalance opens and
// closes partitions, but neither files nor memory.
type Store struct {
	Topic string
	lock  *pebble.Lock
	rows  *rows
	// end, if not nil, gives the offset after a partition's last record.
	end func(partition int32) (int64, error)
	// due, if not nil, gives when a row is due, see IndexDue.
	due    func(partition int32, key string, row []byte) Due
	policy func() uint64
	log    *slog.Logger

	mu         sync.Mutex
	partitions map[int32]*partition

	flushing sync.Mutex   // one flush at a time
	bytes    atomic.Int64 // written since the last flush
	ahead    atomic.Int64 // bytes that were read ahead
	chunks   chunks       // for rows of partitions that are restored
	stop     chan struct{}
	loop     sync.WaitGroup
}

// openStore opens the store of a table. The topic's ID keeps the store of a
// topic that was deleted and created again apart: goka would take the old rows
// for the new topic's. Files of earlier incarnations are deleted. The
// caller closes the store, after whoever got partitions of it has ended.
func Open(dir, topic string, id [16]byte, end func(int32) (int64, error), log *slog.Logger) (*Store, error) {
	return openStoreOn(vfs.Default, dir, topic, id, end, log)
}

func openStoreOn(files vfs.FS, dir, topic string, id [16]byte, end func(int32) (int64, error), log *slog.Logger) (*Store, error) {
	base := filepath.Join(dir, topic)
	current := hex.EncodeToString(id[:])
	folder := filepath.Join(base, current)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	err := removeOthers(base, func(name string) bool { return name == current || len(name) != len(current) })
	if err != nil {
		return nil, fmt.Errorf("remove state of an earlier %s: %w", topic, err)
	}
	lock, err := pebble.LockDirectory(folder, files)
	if err != nil {
		if path := new(fs.PathError); errors.As(err, &path) {
			return nil, fmt.Errorf("open state folder %s: %w", base, err)
		}
		return nil, fmt.Errorf("open state folder %s: another process uses it, give each its own --state-dir: %w", base, err)
	}
	s := &Store{Topic: topic, lock: lock, end: end, log: log, partitions: map[int32]*partition{}, stop: make(chan struct{})}
	if s.rows, err = openOrReplace(files, folder, log); err != nil {
		return nil, errors.Join(fmt.Errorf("open state folder %s: %w", base, err), lock.Close())
	}
	s.loop.Go(s.keepFlushing)
	return s, nil
}

// openOrReplace opens the rows in folder. Those that are corrupt are set aside.
func openOrReplace(files vfs.FS, folder string, log *slog.Logger) (*rows, error) {
	path := filepath.Join(folder, "rows")
	// Earlier releases kept a database for each partition here.
	if err := removeOthers(folder, func(name string) bool { return name == "rows" || name == "rows.corrupt" || name == "LOCK" }); err != nil {
		return nil, err
	}
	found := error(nil)
	if _, err := os.Stat(filepath.Join(path, corruptMark)); err == nil {
		found = errors.New("found while it was in use")
	} else {
		r, err := openRows(files, path)
		if err == nil || !isCorrupt(err) {
			return r, err
		}
		found = err
	}
	log.Warn("local store is corrupt, set aside and built anew from the topic", "store", path, "err", found)
	if err := errors.Join(os.RemoveAll(path+".corrupt"), os.Rename(path, path+".corrupt")); err != nil {
		return nil, fmt.Errorf("set corrupt store aside: %w", err)
	}
	return openRows(files, path)
}

func removeOthers(folder string, keep func(name string) bool) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !keep(e.Name()) {
			if err := os.RemoveAll(filepath.Join(folder, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// open is a storage.Builder. It ends the use of a partition that was opened
// before. A partition that is ahead of its topic, which must have lost records,
// is emptied.
func (s *Store) OpenPartition(topic string, number int32) (storage.Storage, error) {
	if topic != s.Topic {
		return nil, fmt.Errorf("open store of %s: it holds %s", topic, s.Topic)
	}
	p, err := s.partition(number)
	if err != nil {
		return nil, fmt.Errorf("open store of %s/%d: %w", topic, number, err)
	}
	opened := p.begin()
	if err := p.index(); err != nil {
		return nil, fmt.Errorf("index store of %s/%d: %w", topic, number, err)
	}
	offset, err := opened.GetOffset(-1)
	if err == nil && offset < 0 {
		err = p.beginRestore()
	}
	if err != nil || s.end == nil || offset < 0 {
		return opened, err
	}
	end, err := s.end(number)
	if err != nil {
		return nil, fmt.Errorf("look up end of %s/%d: %w", topic, number, err)
	}
	if offset < end {
		return opened, nil
	}
	s.log.Warn("local store is ahead of its topic, emptied and built anew from it", "topic", topic, "partition", number, "offset", offset, "end", end)
	if err := s.empty(p); err != nil {
		return nil, fmt.Errorf("empty store of %s/%d: %w", topic, number, err)
	}
	return opened, p.beginRestore()
}

func (s *Store) partition(number int32) (*partition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.partitions[number]
	if p == nil {
		var err error
		if p, err = newPartition(s, number); err != nil {
			return nil, err
		}
		s.partitions[number] = p
	}
	return p, nil
}

// Close writes what is only in memory yet. Partitions that are still open fail
// from then on.
func (s *Store) Close() error {
	close(s.stop)
	s.loop.Wait()
	err := s.flush(0)
	return errors.Join(err, s.rows.close(), s.lock.Close())
}
