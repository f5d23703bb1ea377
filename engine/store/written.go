package store

import (
	"hash/maphash"
	"sync/atomic"
)

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
	// maxWritten bounds what all partitions of a store remember of their keys, in bytes:
	// 10 million of them.
	maxWritten    = 16 << 20
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

// hash is that of a key; it is another one in each process.
func (w *written) hash(key string) uint64 { return maphash.String(w.seed, key) }

// add takes down that a key with that hash is written.
func (w *written) add(hash uint64) {
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
	at, step := probes(hash)
	for range probesOfAKey {
		bit := at % uint64(len(last)*64)
		last[bit/64] |= 1 << (bit % 64)
		at += step
	}
}

// never reports whether a key with that hash was certainly not written.
func (w *written) never(hash uint64) bool {
	if w.filters == nil {
		return false
	}
	at, step := probes(hash)
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

// probes is where the first of a key's bits is, and how far it is to the next.
func probes(hash uint64) (at, step uint64) { return hash >> 32, hash<<32>>32 | 1 }
