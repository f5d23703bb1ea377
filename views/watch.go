package views

import "sync"

// watchers is who wants to know of whom. The zero value is ready for use.
type watchers struct {
	mu  sync.RWMutex
	all map[string]map[*watcher]struct{}
}

type watcher struct{ changed func() }

// Watch has changed called after each change of the recipient's part of the
// table, and when the whole table has become readable or another, until stop is
// called. It must not block. After stop has returned there
// is no further call; so changed must not call stop.
func (w *watchers) Watch(recipient string, changed func()) (stop func()) {
	one := &watcher{changed}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[string]map[*watcher]struct{}{}
	}
	if w.all[recipient] == nil {
		w.all[recipient] = map[*watcher]struct{}{}
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

func (w *watchers) notify(recipient string) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for one := range w.all[recipient] {
		one.changed()
	}
}

// notifyAll tells everybody: the whole table may be another.
func (w *watchers) notifyAll() {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for _, all := range w.all {
		for one := range all {
			one.changed()
		}
	}
}
