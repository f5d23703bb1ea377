package views

import (
	"strings"
	"sync"

	"github.com/belfry/belfry"
)

// watchers is who wants to know of whom: functions of kind F by recipient. The zero
// value is ready for use.
type watchers[F any] struct {
	mu  sync.RWMutex
	all map[string]map[*F]struct{}
}

// add has changed called for the recipient until stop is called. After stop has
// returned there is no further call; so changed must not call stop.
func (w *watchers[F]) add(recipient string, changed F) (stop func()) {
	one := &changed
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[string]map[*F]struct{}{}
	}
	if w.all[recipient] == nil {
		w.all[recipient] = map[*F]struct{}{}
	}
	w.all[recipient][one] = struct{}{}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all[recipient], one)
		if len(w.all[recipient]) == 0 {
			delete(w.all, recipient)
		}
	}
}

// anyBoard is watched by who has watched before the partitions were known.
const anyBoard = "__" // begins the keys of partitions too

// addBoth is add for the recipient and for the board of the partition; -1 is one that is
// not known.
func (w *watchers[F]) addBoth(recipient string, partition int32, changed F) (stop func()) {
	key := anyBoard
	if partition >= 0 {
		key = belfry.PartitionKey(partition)
	}
	own, board := w.add(recipient, changed), w.add(key, changed)
	return func() {
		own()
		board()
	}
}

// notify has call call those who watch the recipient.
func (w *watchers[F]) notify(recipient string, call func(F)) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for one := range w.all[recipient] {
		call(*one)
	}
}

// notifyAll tells everybody: the whole table may be another.
func (w *watchers[F]) notifyAll(call func(F)) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for who, all := range w.all {
		if strings.HasPrefix(who, anyBoard) {
			continue // who watches a board watches a recipient too
		}
		for one := range all {
			call(*one)
		}
	}
}
