package servertest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// Tables is a journal and both tables in memory, joined by the real fold: what
// is appended is readable at once, unless it is held back.
type Tables struct {
	Mu        sync.Mutex
	Epoch     uint32
	Offset    int64
	States    map[string]inbox.State // what the processor knows
	Rows      map[string]inbox.State // what the view shows
	Items     map[string]inbox.Item
	Endpoints map[string]inbox.Address
	Watchers  map[string]map[*func()]bool // of boards and notices under AnyBoard
	streams   map[*func(recipient string, urgent uint64)]bool
	HoldRows  bool // the unread view stands still
	HoldItems bool // the inbox view stands still
	heldItems []func()
	NotReady  bool
	AppendErr error
	NowErr    error        // of JournalNow
	Reads     atomic.Int64 // of contents
	Journal   []Entry
	boards    []*board.Board // see OpenBoards
	boardCap  int
}

// Entry is a record as it lies in the journal.
type Entry struct {
	Recipient string
	Offset    int64
	At        time.Time
	Record    inbox.Record
}

func NewTables() *Tables {
	return &Tables{
		Epoch:     7,
		States:    map[string]inbox.State{},
		Rows:      map[string]inbox.State{},
		Items:     map[string]inbox.Item{},
		Endpoints: map[string]inbox.Address{},
		Watchers:  map[string]map[*func()]bool{},
		streams:   map[*func(string, uint64)]bool{},
	}
}

// Row is the row as it is shown.
func (f *Tables) Row(recipient string) (inbox.State, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	if f.NotReady {
		return inbox.State{}, belfry.ErrNotReady
	}
	return f.shown(recipient), nil
}

// RowInto is Row in that memory.
func (f *Tables) RowInto(memory *inbox.State, recipient string) (inbox.State, error) {
	row, err := f.Row(recipient)
	return MoveInto(memory, row), err
}

// MoveInto copies a row into memory that the row before had, so that whoever keeps a row
// reads what is another's.
func MoveInto(memory *inbox.State, row inbox.State) inbox.State {
	row.Items = append(memory.Items[:0], row.Items...)
	row.Removals = append(memory.Removals[:0], row.Removals...)
	*memory = inbox.State{Items: row.Items, Removals: row.Removals}
	return row
}

// Stored is the row without the board.
func (f *Tables) Stored(recipient string) (inbox.State, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	if f.NotReady {
		return inbox.State{}, belfry.ErrNotReady
	}
	return f.Rows[recipient], nil
}

// Stamp is that of the row.
func (f *Tables) Stamp(recipient string, now time.Time) (inbox.Stamp, error) {
	row, err := f.Row(recipient)
	return row.Stamp(now), err
}

// Badge is that of the row.
func (f *Tables) Badge(recipient string, now time.Time) (inbox.Badge, error) {
	row, err := f.Row(recipient)
	return row.Badge(now), err
}

func (f *Tables) Item(recipient string, seq uint64) (inbox.Item, bool, error) {
	f.Reads.Add(1)
	f.Mu.Lock()
	defer f.Mu.Unlock()
	it, ok := f.Items[inbox.ItemKey(recipient, seq)]
	if !ok && len(f.boards) > 0 {
		it, ok = f.Items[inbox.ItemKey(belfry.PartitionKey(f.partition(recipient)), seq)]
	}
	return it, ok, nil
}

// Endpoint is the content of an endpoint.
func (f *Tables) Endpoint(recipient string, seq uint64) (inbox.Address, bool, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	a, ok := f.Endpoints[inbox.EndpointKey(recipient, seq)]
	return a, ok, nil
}

// AnyBoard is what changes of all boards and of notices' contents are watched by.
const AnyBoard = "__"

// Watch is told of the recipient's row and contents and of the boards.
func (f *Tables) Watch(recipient string, changed func()) (stop func()) {
	row, boards := f.watch(recipient, changed), f.watch(AnyBoard, changed)
	return func() {
		row()
		boards()
	}
}

func (f *Tables) watch(key string, changed func()) (stop func()) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	if f.Watchers[key] == nil {
		f.Watchers[key] = map[*func()]bool{}
	}
	f.Watchers[key][&changed] = true
	return func() {
		f.Mu.Lock()
		defer f.Mu.Unlock()
		delete(f.Watchers[key], &changed)
	}
}

// WatchRows is told of all recipients' rows.
func (f *Tables) WatchRows(changed func(recipient string)) (stop func()) {
	return f.WatchContents(nil, func(recipient string, _ uint64) { changed(recipient) })
}

// WatchContents is told of the urgent item that an append made.
func (f *Tables) WatchContents(_ func(string) bool, changed func(recipient string, urgent uint64)) (stop func()) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.streams[&changed] = true
	return func() {
		f.Mu.Lock()
		defer f.Mu.Unlock()
		delete(f.streams, &changed)
	}
}

// WatchBoards is told that some board has changed.
func (f *Tables) WatchBoards(changed func(partition int32)) (stop func()) {
	return f.watch(AnyBoard, func() { changed(-1) })
}

// WatchNotices is told of the boards' contents, which come with them.
func (f *Tables) WatchNotices(changed func(partition int32)) (stop func()) {
	return f.WatchBoards(changed)
}

func (f *Tables) Append(_ context.Context, records ...inbox.Addressed) ([]inbox.Position, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	if f.AppendErr != nil {
		return nil, f.AppendErr
	}
	var out []inbox.Position
	for _, r := range records {
		for _, recipient := range r.Recipients {
			out = append(out, f.append(recipient, r.Record))
		}
	}
	return out, nil
}

func (f *Tables) append(recipient string, record inbox.Record) inbox.Position {
	p := inbox.Position{Epoch: f.Epoch, Offset: f.Offset}
	f.Offset++
	at := time.Now()
	f.Journal = append(f.Journal, Entry{recipient, p.Offset, at, record})
	state, effects := f.fold(recipient, record, inbox.Input{Position: p, Time: at, Members: inbox.MaxMembers})
	f.States[recipient] = state
	apply := func() {
		for _, seq := range effects.Removed {
			delete(f.Items, inbox.ItemKey(recipient, seq))
		}
		if effects.Item != nil {
			f.Items[inbox.ItemKey(recipient, effects.Item.Seq)] = *effects.Item
		}
		for _, seq := range effects.GoneEndpoints {
			delete(f.Endpoints, inbox.EndpointKey(recipient, seq))
		}
		if effects.Endpoint != 0 {
			address := *record.Endpoint
			address.Seq = effects.Endpoint
			f.Endpoints[inbox.EndpointKey(recipient, effects.Endpoint)] = address
		}
	}
	if f.HoldItems {
		f.heldItems = append(f.heldItems, apply)
	} else {
		apply()
	}
	if !f.HoldRows {
		f.Rows[recipient] = state
	}
	var urgent uint64
	if effects.Item != nil && effects.Item.Priority == belfry.PriorityUrgent {
		urgent = effects.Item.Seq
	}
	f.wake(recipient, urgent)
	if _, own := belfry.ParsePartitionKey(recipient); own {
		f.wake(AnyBoard, 0)
	}
	return p
}

func (f *Tables) Wake(recipient string) { f.wake(recipient, 0) }

func (f *Tables) wake(recipient string, urgent uint64) {
	for changed := range f.Watchers[recipient] {
		(*changed)()
	}
	for changed := range f.streams {
		(*changed)(recipient, urgent)
	}
}

// Release lets both views show all that was appended.
func (f *Tables) Release() {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.HoldRows, f.HoldItems = false, false
	for _, apply := range f.heldItems {
		apply()
	}
	f.heldItems = nil
	for r, s := range f.States {
		f.Rows[r] = s
		f.Wake(r)
	}
	f.Wake(AnyBoard)
}
