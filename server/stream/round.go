package stream

import (
	"fmt"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/wire"
)

// round is one turn of a worker for the streams of one user: their row is read
// once, and what is encoded for one stream serves the others that know the same.
type round struct {
	hub      *Hub
	turns    []turn
	user     string
	now      time.Time
	row      inbox.State
	memory   inbox.State // of the rows, one after the other
	hasRow   bool
	contents map[uint64]*inbox.Item // read in this round, if it has several streams
	found    []inbox.Item           // of the contents
	delta    delta
	out      batch
	scratch  []byte
	unsent   unsent // of the stream that is served, see lend
}

// begin forgets all but the memory of the round before.
func (r *round) begin(user string) {
	r.user, r.now, r.row, r.hasRow = user, time.Now(), inbox.State{}, false
	r.delta.valid = false
	r.contents = nil
	clear(r.found)
	r.found = r.found[:0]
	if len(r.turns) > 1 {
		r.contents = map[uint64]*inbox.Item{}
	}
}

// batch returns the empty batch, of which there is one at a time.
func (r *round) batch() *batch {
	b := &r.out
	*b = batch{bytes: b.bytes[:0], events: b.events[:0], round: r}
	return b
}

// read reads the row, once a round.
func (r *round) read() error {
	if r.hasRow {
		return nil
	}
	row, err := r.hub.config.Rows.RowInto(&r.memory, r.user)
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	r.row, r.hasRow = row, true
	return nil
}

// content is the [wire.Contents] of the user's streams. Content that cannot be read is
// late content: its item is shown as pending.
func (r *round) content(seq uint64) *inbox.Item {
	if item, ok := r.contents[seq]; ok {
		return item
	}
	item := r.find(seq)
	if r.contents != nil {
		r.contents[seq] = item
	}
	return item
}

func (r *round) find(seq uint64) *inbox.Item {
	item, ok, err := r.hub.config.Items.Item(r.user, seq)
	if err != nil {
		r.hub.config.Logger.Warn("content of an item not read, it is shown as pending until it is", "user_sha256", wire.Hashed(r.user), "seq", seq, "err", err)
	}
	if err != nil || !ok {
		return nil
	}
	r.found = append(r.found, item)
	return &r.found[len(r.found)-1]
}
