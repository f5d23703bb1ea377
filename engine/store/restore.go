package store

import (
	"hash/maphash"
	"sync/atomic"
)

// A partition that was opened empty is restored until it is marked recovered: its rows
// come once each, nearly, and more of them than are ever written at a time afterwards.
// Pebble compacts rarely then, since each compaction writes again what the ones before
// have written, and a row that was never written is not looked for on the disk.

const (
	// restoreLevels is up to how many overlapping files on the disk nothing is
	// compacted while something is restored: 1.5 GB of rows. Pebble keeps 190 files open.
	restoreLevels = 150
	// fewLevels is from how many on Pebble compacts at other times.
	fewLevels = 8
	// maxWritten bounds what all partitions of a store remember of their keys, in bytes:
	// 10 million of them.
	maxWritten = 16 << 20
)

// restores says that so many partitions more are restored.
func (r *rows) restores(more int64) {
	if r.restoring.Add(more) == 0 {
		r.compactions.let()
		return
	}
	r.restored.Store(true)
}

// pace has what was written compacted, or wait for that.
func (r *rows) pace() {
	if r.restoring.Load() == 0 {
		return
	}
	switch levels := r.levels(); {
	case levels >= restoreLevels:
		r.compactions.let()
	case levels <= fewLevels:
		r.compactions.hold()
	}
	if r.restoring.Load() == 0 { // since it was looked at
		r.compactions.let()
	}
}

// levels is how many files overlap that were not compacted yet.
func (r *rows) levels() int { return int(r.db.Metrics().Levels[0].Sublevels) }

// mostLevels is from how many levels on a write waits for compaction: what was put off
// while something was restored holds nobody up.
func (r *rows) mostLevels(levels int) int {
	switch {
	case r.restoring.Load() > 0:
		return restoreLevels + fewLevels
	case !r.restored.Load():
		return slowLevels
	case levels <= slowLevels:
		r.restored.Store(false)
		return slowLevels
	}
	return restoreLevels + fewLevels
}

// beginRestore has a partition that was opened without an offset be restored, unless
// there are rows all the same: the process was killed before it had an offset for them.
func (p *partition) beginRestore() error {
	iter, err := p.store.rows.iterate(p.key(rowKind, ""), p.key(rowKind+1, ""))
	if err != nil {
		return err
	}
	defer iter.Release()
	any := iter.Next()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !any && p.puts == 0 {
		p.written = newWritten(&p.store.rows.writtenRoom)
		p.store.rows.restores(1)
	}
	return iter.Err()
}

// endRestore may be called with the partition locked only, also if it is not restored.
func (p *partition) endRestore() {
	if p.written == nil {
		return
	}
	p.written.forget()
	p.written = nil
	p.store.rows.restores(-1)
}

// written remembers which keys were written: a Bloom filter that grows (Bloom 1970;
// Almeida and others, Scalable Bloom Filters, 2007).
type written struct {
	seed    maphash.Seed
	filters [][]uint64    // each twice the one before; nil: no room for one more
	left    int           // keys that the last of them still takes
	room    *atomic.Int64 // bytes that all of a store may take yet
	took    int64
}

const (
	firstWritten  = 1 << 13 // words of the first filter
	bitsOfAKey    = 12      // 1 of 200 keys is taken for one that was written, by each filter
	probesOfAKey  = 6
	keysOfAWord   = 64.0 / bitsOfAKey
	bytesOfAWord  = 8
	growthOfAWord = 2
)

func newWritten(room *atomic.Int64) *written {
	w := &written{seed: maphash.MakeSeed(), room: room}
	w.grow(firstWritten)
	return w
}

func (w *written) grow(words int) {
	bytes := int64(words) * bytesOfAWord
	w.took += bytes
	if w.room.Add(-bytes) < 0 {
		w.forget()
		return
	}
	w.filters = append(w.filters, make([]uint64, words))
	w.left = int(float64(words) * keysOfAWord)
}

// forget has it know nothing, for good.
func (w *written) forget() {
	w.room.Add(w.took)
	w.took, w.filters = 0, nil
}

// add takes down a key that is written.
func (w *written) add(key string) {
	if w.filters == nil {
		return
	}
	last := w.filters[len(w.filters)-1]
	if w.left == 0 {
		if w.grow(len(last) * growthOfAWord); w.filters == nil {
			return
		}
		last = w.filters[len(w.filters)-1]
	}
	w.left--
	at, step := w.hash(key)
	for range probesOfAKey {
		bit := at % uint64(len(last)*64)
		last[bit/64] |= 1 << (bit % 64)
		at += step
	}
}

// never reports whether a key was certainly not written.
func (w *written) never(key string) bool {
	if w == nil || w.filters == nil {
		return false
	}
	at, step := w.hash(key)
	for _, filter := range w.filters {
		if holds(filter, at, step) {
			return false
		}
	}
	return true
}

func holds(filter []uint64, at, step uint64) bool {
	for range probesOfAKey {
		bit := at % uint64(len(filter)*64)
		if filter[bit/64]&(1<<(bit%64)) == 0 {
			return false
		}
		at += step
	}
	return true
}

// hash is where the first of a key's bits is, and how far it is to the next.
func (w *written) hash(key string) (at, step uint64) {
	h := maphash.String(w.seed, key)
	return h >> 32, h<<32>>32 | 1
}
