package server

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// fake is a journal and both tables in memory, joined by the real fold: what
// is appended is readable at once, unless it is held back.
type fake struct {
	mu        sync.Mutex
	epoch     uint32
	offset    int64
	states    map[string]inbox.State // what the processor knows
	rows      map[string]inbox.State // what the view shows
	items     map[string]inbox.Item
	watchers  map[string]map[*func()]bool
	holdRows  bool // the unread view stands still
	holdItems bool // the inbox view stands still
	heldItems []func()
	notReady  bool
	appendErr error
	reads     atomic.Int64 // of contents
	journal   []journaled
}

// journaled is a record as it lies in the journal.
type journaled struct {
	recipient string
	offset    int64
	at        time.Time
	record    inbox.Record
}

func newFake() *fake {
	return &fake{
		epoch:    7,
		states:   map[string]inbox.State{},
		rows:     map[string]inbox.State{},
		items:    map[string]inbox.Item{},
		watchers: map[string]map[*func()]bool{},
	}
}

func (f *fake) Row(recipient string) (inbox.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.notReady {
		return inbox.State{}, belfry.ErrNotReady
	}
	return f.rows[recipient], nil
}

func (f *fake) Item(recipient string, seq uint64) (inbox.Item, bool, error) {
	f.reads.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	it, ok := f.items[inbox.ItemKey(recipient, seq)]
	return it, ok, nil
}

func (f *fake) Watch(recipient string, changed func()) (stop func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers[recipient] == nil {
		f.watchers[recipient] = map[*func()]bool{}
	}
	f.watchers[recipient][&changed] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers[recipient], &changed)
	}
}

func (f *fake) Append(_ context.Context, records ...inbox.Addressed) ([]inbox.Position, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.appendErr != nil {
		return nil, f.appendErr
	}
	var out []inbox.Position
	for _, r := range records {
		p := inbox.Position{Epoch: f.epoch, Offset: f.offset}
		f.offset++
		out = append(out, p)
		at := time.Now()
		f.journal = append(f.journal, journaled{r.Recipient, p.Offset, at, r.Record})
		state, effects := inbox.Fold(f.states[r.Recipient], r.Record, inbox.Input{Position: p, Time: at})
		f.states[r.Recipient] = state
		apply := func() {
			for _, seq := range effects.Removed {
				delete(f.items, inbox.ItemKey(r.Recipient, seq))
			}
			if effects.Item != nil {
				f.items[inbox.ItemKey(r.Recipient, effects.Item.Seq)] = *effects.Item
			}
		}
		if f.holdItems {
			f.heldItems = append(f.heldItems, apply)
		} else {
			apply()
		}
		if !f.holdRows {
			f.rows[r.Recipient] = state
		}
		f.wake(r.Recipient)
	}
	return out, nil
}

func (f *fake) wake(recipient string) {
	for changed := range f.watchers[recipient] {
		(*changed)()
	}
}

// release lets both views show all that was appended.
func (f *fake) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.holdRows, f.holdItems = false, false
	for _, apply := range f.heldItems {
		apply()
	}
	f.heldItems = nil
	for r, s := range f.states {
		f.rows[r] = s
		f.wake(r)
	}
}
