package stream

import (
	"sync"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
)

// history is what the processors made of user u's journal, one step a record.
type history struct {
	cap    int
	epoch  uint32
	offset int64

	mu     sync.Mutex
	states []inbox.State                 // after each record; the first is the zero State
	items  []func(map[uint64]inbox.Item) // what each did to the contents
}

func newHistory(limit int) *history {
	return &history{cap: limit, epoch: 7, states: []inbox.State{{}}}
}

func (h *history) state() inbox.State { return h.at(h.len()) }

// at is the state after n records.
func (h *history) at(n int) inbox.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.states[n]
}

func (h *history) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.items)
}

func (h *history) Append(r inbox.Record) {
	in := inbox.Input{Position: inbox.Position{Epoch: h.epoch, Offset: h.offset}, Time: time.Now(), Cap: h.cap, Members: 4}
	h.offset++
	state, effects := inbox.Fold(h.state(), r, in)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.states = append(h.states, state)
	h.items = append(h.items, func(contents map[uint64]inbox.Item) {
		for _, seq := range effects.Removed {
			delete(contents, seq)
		}
		if effects.Item != nil {
			contents[effects.Item.Seq] = *effects.Item
		}
	})
}

// replica is the views of one server, each at its own place of the history.
type replica struct {
	history *history

	mu       sync.Mutex
	row      int // how many records the unread view shows
	item     int // how many the inbox view shows
	contents map[uint64]inbox.Item
	watchers map[*func()]bool
}

func newReplica(h *history) *replica {
	return &replica{history: h, contents: map[uint64]inbox.Item{}, watchers: map[*func()]bool{}}
}

// advance lets the views show up to that many records more.
func (r *replica) advance(rows, items int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.history.len()
	r.row = min(r.row+rows, last)
	for to := min(r.item+items, last); r.item < to; r.item++ {
		r.history.items[r.item](r.contents)
	}
	for changed := range r.watchers {
		(*changed)()
	}
}

func (r *replica) catchUp() { r.advance(r.history.len(), r.history.len()) }

func (r *replica) Row(string) (inbox.State, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.history.at(r.row), nil
}

func (r *replica) RowInto(memory *inbox.State, user string) (inbox.State, error) {
	row, err := r.Row(user)
	return servertest.MoveInto(memory, row), err
}

func (r *replica) Item(_ string, seq uint64) (inbox.Item, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	item, ok := r.contents[seq]
	return item, ok, nil
}

// contentOf is the [wire.Contents] of what the replica has.
func (r *replica) contentOf(seq uint64) *inbox.Item {
	item, ok, _ := r.Item("u", seq)
	if !ok {
		return nil
	}
	return &item
}

func (r *replica) WatchBoards(func(int32)) (stop func())  { return func() {} }
func (r *replica) WatchNotices(func(int32)) (stop func()) { return func() {} }
func (r *replica) Partition(string) int32                 { return 0 }

func (r *replica) WatchRows(changed func(string)) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := func() { changed("u") }
	r.watchers[&one] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, &one)
	}
}

func (r *replica) WatchContents(_ func(string) bool, changed func(string, uint64)) (stop func()) {
	return r.WatchRows(func(user string) { changed(user, 0) })
}

var (
	_ Rows  = (*replica)(nil)
	_ Items = (*replica)(nil)
)
