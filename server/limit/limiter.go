package limit

import (
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/belfry/belfry/server/wire"
)

// TooMany is a refusal that knows when the next call would be taken.
type TooMany struct {
	Of    error // what there was too much of
	After time.Duration
}

func (e *TooMany) Error() string {
	return fmt.Sprintf("%s: wait %s s before the next one", e.Of, wire.Seconds(e.After))
}

func (e *TooMany) Unwrap() error { return e.Of }

// limiter holds each key to a pace. It knows of a key one time, that at which
// the calls so far would have come at the pace allowed (the generic cell rate
// algorithm of ITU-T I.371): if it is past, there is nothing to know. It is safe
// for concurrent use.
type limiter struct {
	seed maphash.Seed
	max  int // keys known at a time
	// evict says what becomes of a new key while max others have something to be
	// known of: it takes the place of any other, which gains one burst by that, or
	// is let through uncounted.
	evict bool

	mu    sync.Mutex
	due   map[uint64]time.Time // by the key's hash
	swept time.Time
}

func newLimiter(max int, evict bool) *limiter {
	return &limiter{seed: maphash.MakeSeed(), max: max, evict: evict, due: map[uint64]time.Time{}}
}

// take counts a call of key at now and returns 0, or how long to wait for the
// next one: burst calls may come at once, and in the long run one a pace. A
// refused call does not count.
func (l *limiter) take(key string, pace time.Duration, burst int, now time.Time) (wait time.Duration) {
	hash := maphash.String(l.seed, key)
	l.mu.Lock()
	defer l.mu.Unlock()
	due, known := l.due[hash]
	if !known && len(l.due) >= l.max && !l.makeRoom(now) {
		return 0
	}
	if due.Before(now) {
		due = now
	}
	if wait = due.Sub(now) - pace*time.Duration(burst-1); wait > 0 {
		return wait
	}
	l.due[hash] = due.Add(pace)
	return 0
}

// add counts more of a call of key that was taken: the calls after it wait for that. It
// returns how far ahead of the pace the calls are then.
func (l *limiter) add(key string, cost time.Duration, now time.Time) (ahead time.Duration) {
	hash := maphash.String(l.seed, key)
	l.mu.Lock()
	defer l.mu.Unlock()
	due, known := l.due[hash]
	if !known && len(l.due) >= l.max && !l.makeRoom(now) {
		return 0
	}
	if due.Before(now) {
		due = now
	}
	l.due[hash] = due.Add(cost)
	return due.Add(cost).Sub(now)
}

// owed returns how far ahead of the pace the calls of key are.
func (l *limiter) owed(key string, now time.Time) time.Duration {
	hash := maphash.String(l.seed, key)
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, l.due[hash].Sub(now))
}

// makeRoom forgets the keys there is nothing to know of, and reports whether
// there is room for another one. It looks at all of them, so not more than once
// a second.
func (l *limiter) makeRoom(now time.Time) bool {
	if now.Sub(l.swept) >= time.Second {
		l.swept = now
		for hash, due := range l.due {
			if !due.After(now) {
				delete(l.due, hash)
			}
		}
	}
	for hash := range l.due {
		if !l.evict || len(l.due) < l.max {
			break
		}
		delete(l.due, hash)
	}
	return len(l.due) < l.max
}
