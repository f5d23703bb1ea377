package check_test

import (
	"cmp"
	"slices"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/check"
	"github.com/belfry/belfry/internal/chaos/history"
)

// follower is a user's stream client together with the server that it is
// connected to.
type follower struct {
	*inhabitant
	holder     check.Holder
	connection int
	told       uint64 // the version that the client was told on this connection
	id         uint64 // version of the last id
	sentID     bool   // on this connection
	cut        bool   // in the middle of a batch
	pending    []uint64
	relisted   int // index of the state of the last list
}

// wireItem is the data of an item frame.
type wireItem struct {
	history.Item
	Priority belfry.Priority `json:"priority"`
}

type wireState struct {
	Version  uint64   `json:"version"`
	Read     []uint64 `json:"read"`
	Unread   []uint64 `json:"unread"`
	Seen     []uint64 `json:"seen"`
	Archived []uint64 `json:"archived"`
	Removed  []uint64 `json:"removed"`
}

type wireUnread struct {
	User    string `json:"user"`
	Version uint64 `json:"version"`
	Cursor  string `json:"cursor"`
	inbox.Counts
}

type wireVersion struct {
	Version uint64 `json:"version"`
}

func (f *follower) step() {
	if f.connection == 0 || f.rng.IntN(6) == 0 {
		f.connect()
	}
	f.tell(f.newer(f.index()), f.rng.IntN(5) == 0)
	if f.rng.IntN(4) == 0 {
		f.frame("ping", wireVersion{f.told})
	}
}

// index is that of the oldest state which the client may be shown.
func (f *follower) index() int {
	return slices.IndexFunc(f.states, func(s inbox.State) bool { return s.Version >= f.told })
}

// connect begins a connection where the client stands, at a server that may be
// behind what the client has seen without an id. The first begins with a list.
func (f *follower) connect() {
	if f.connection == 0 {
		f.relist()
	} else if !f.cut && f.rng.IntN(3) == 0 {
		f.frame("bye", map[string]string{"reason": "drain"})
	}
	c, ok := f.holder.Cursor()
	if !ok {
		f.t.Fatal("the client must list again")
	}
	f.connection++
	f.take(history.Frame{Event: "open", ID: c.String()})
	f.told, f.id, f.sentID, f.pending, f.cut = c.Version, c.Version, false, nil, false
}

// relist has the client take a list, of a server that may be ahead, for all
// there is. No list is older than the one before.
func (f *follower) relist() {
	f.relisted = f.newer(max(f.relisted, f.index()))
	f.pages("stream-"+f.name, &f.states[f.relisted], 1, false, 100, func(l any) {
		f.h.Record(l)
		f.holder.Reset(l.(history.Listed))
	})
}

// tell sends the batch that leads to the state of that index, if late with an
// item that has no content yet.
func (f *follower) tell(to int, late bool) {
	s := &f.states[to]
	changes, ok := s.Since(f.told, f.now)
	if !ok {
		f.told, f.id, f.sentID, f.pending = s.Version, s.Version, true, nil
		f.frame("resync", wireVersion{f.told})
		f.relist()
		return
	}
	items, lacking := f.items(s, changes.Items, late)
	if s.Version == f.told && len(items) == 0 && !changes.HasState() {
		return
	}
	f.told, f.pending = s.Version, lacking
	for _, it := range items {
		f.take(history.Frame{Event: "item", Data: mustJSON(f.t, it)})
	}
	if changes.HasState() {
		told := func(seq uint64) bool {
			return slices.ContainsFunc(items, func(it wireItem) bool { return it.Seq == seq })
		}
		without := func(seqs []uint64) []uint64 { return slices.DeleteFunc(seqs, told) }
		f.take(history.Frame{Event: "state", Data: mustJSON(f.t, wireState{s.Version, without(changes.Read),
			without(changes.Unread), without(changes.Seen), without(changes.Archived), changes.Removed})})
	}
	if f.rng.IntN(20) == 0 {
		f.cut = true
		f.connect()
		return
	}
	if f.sentID = true; len(lacking) > 0 {
		f.id = max(f.id, slices.Min(lacking)-1)
	} else {
		f.id = s.Version
	}
	f.frame("unread", wireUnread{f.name, s.Version, s.Cursor().String(), s.Counts(f.now)})
}

// items are those of a batch, and which of them lack content.
func (f *follower) items(s *inbox.State, fresh []*inbox.Entry, late bool) (items []wireItem, lacking []uint64) {
	for _, e := range fresh {
		pending := late && len(lacking) == 0 && !slices.Contains(f.pending, e.Seq)
		if pending {
			lacking = append(lacking, e.Seq)
		}
		items = append(items, wireItem{f.item(e, pending), e.Priority})
	}
	for _, seq := range f.pending {
		if e, ok := s.Entry(seq); ok && !slices.Contains(fresh, e) {
			items = append(items, wireItem{f.item(e, false), e.Priority})
		}
	}
	slices.SortFunc(items, func(a, b wireItem) int {
		importance := func(p belfry.Priority) int { return max(int(p), int(belfry.PriorityNormal)) }
		return cmp.Or(importance(b.Priority)-importance(a.Priority), int(a.Seq)-int(b.Seq))
	})
	return items, lacking
}

// frame sends one with the last id, if there is one.
func (f *follower) frame(event string, data any) {
	frame := history.Frame{Event: event, Data: mustJSON(f.t, data)}
	if c := (inbox.Cursor{Epoch: worldEpoch, Version: f.id}); f.sentID {
		frame.ID = c.String()
	}
	f.take(frame)
}

func (f *follower) take(frame history.Frame) {
	frame.At, frame.Client, frame.Server, frame.User, frame.Connection = f.tick(), "stream-"+f.name, "server-0", f.name, f.connection
	f.h.Record(frame)
	if err := f.holder.Apply(frame.Event, frame.ID, frame.Data); err != nil {
		f.t.Fatalf("%s %s %s: %v", frame.Event, frame.ID, frame.Data, err)
	}
}
