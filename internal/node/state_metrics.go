package node

import (
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"time"
)

// stateWalkInterval is the least time between two walks through the state
// folder: scrapes between them are told what the last walk found.
const stateWalkInterval = time.Minute

// stateMetrics tell what the state folder takes and of the room that its file system has. A figure that cannot be read is absent: an old
// figure, or 0, would look like a good one. It is safe for concurrent use.
type stateMetrics struct {
	dir  string
	room func(dir string) (free, size uint64, err error)
	now  func() time.Time

	mu     sync.Mutex // held while the folder is walked
	walked time.Time
	taken  int64
	err    error // of the last walk
}

func newStateMetrics(dir string) *stateMetrics {
	return &stateMetrics{dir: dir, room: roomOf, now: time.Now}
}

func (m *stateMetrics) tell(t telling) {
	if taken, err := m.walk(); err == nil {
		t.gauge("belfry_state_bytes", "What the files of the state folder take, looked at once a minute at the most.", float64(taken))
	}
	if free, size, err := m.room(m.dir); err == nil {
		t.gauge("belfry_state_free_bytes", "Room that the file system of the state folder has left for this process.", float64(free))
		t.gauge("belfry_state_filesystem_bytes", "Size of the file system of the state folder.", float64(size))
	}
}

// walk adds up the files' sizes. Stores remove files at any time, so one that is
// gone when it is looked at is no error.
func (m *stateMetrics) walk() (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if !m.walked.IsZero() && now.Sub(m.walked) < stateWalkInterval {
		return m.taken, m.err
	}
	m.walked, m.taken = now, 0
	m.err = filepath.WalkDir(m.dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				m.taken += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) && path != m.dir {
			return nil
		}
		return err
	})
	return m.taken, m.err
}
