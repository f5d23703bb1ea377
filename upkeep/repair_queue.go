package upkeep

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// repairQueue is the keys of Repairs on disk, one a line. The lines before
// window have been handed out, those from it wait for their turn. A key
// that is appended survives the end of the process, not that of the machine: its file
// is never synced, like the views' stores, whose offsets it must keep up with.
type repairQueue struct {
	file    *os.File
	size    int64 // of all whole lines
	window  int64 // where what was not handed out begins
	waiting int   // lines from there
}

func openRepairQueue(path string) (*repairQueue, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make folder of repairs: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open repairs: %w", err)
	}
	q := &repairQueue{file: file}
	r := bufio.NewReader(file)
	for {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break // a line cut short is overwritten
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read repairs: %w", err), file.Close())
		}
		q.size += int64(len(line))
		q.waiting++
	}
	return q, nil
}

// add appends a key, which must hold no line break. After an error it is as if
// add had not been called.
func (q *repairQueue) add(key string) error {
	n, err := q.file.WriteAt([]byte(key+"\n"), q.size)
	if err != nil {
		return fmt.Errorf("write repairs: %w", err)
	}
	q.size += int64(n)
	return nil
}

// handedOut says that all that was added so far is in the caller's memory.
func (q *repairQueue) handedOut() { q.window, q.waiting = q.size, 0 }

// next returns up to limit keys that wait, and empties the file when none does.
// The keys of the calls before must be done with.
func (q *repairQueue) next(limit int) ([]string, error) {
	if q.waiting == 0 {
		return nil, q.reset()
	}
	r := bufio.NewReader(io.NewSectionReader(q.file, q.window, q.size-q.window))
	var keys []string
	for len(keys) < limit {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			q.handedOut()
			break
		}
		if err != nil {
			return keys, fmt.Errorf("read repairs: %w", err)
		}
		q.window += int64(len(line))
		q.waiting--
		// The rest of a write at which a machine lost power is no recipient.
		if key := line[:len(line)-1]; repairable(key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

func (q *repairQueue) reset() error {
	if q.size == 0 {
		return nil
	}
	if err := q.file.Truncate(0); err != nil {
		return fmt.Errorf("empty repairs: %w", err)
	}
	q.size, q.window = 0, 0
	return nil
}

func (q *repairQueue) close() error { return q.file.Close() }
