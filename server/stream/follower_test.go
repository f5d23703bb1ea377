package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

// heldItem is what a follower knows of an item.
type heldItem struct {
	wire.Item
	// listed is set on an item that came from a list without content: the
	// cursor of the stream may be past it already.
	listed bool
}

// follower is a client that does what DESIGN.md section 5 asks of one: it keeps
// items by seq and version, remembers the last id and lists the inbox when told
// to. It checks what a server may not do on the way.
type follower struct {
	servers []*replica
	server  int // to which it is connected, or was

	held   map[uint64]heldItem
	badge  wire.Badge
	cursor string
	// owed is the version of a resync for which no server could be asked yet;
	// the events after it wait.
	owed    *uint64
	waiting []servertest.Event

	wire   *conn
	narrow *narrow // if the connection is one
	hangUp func()
	closed chan struct{}

	// This connection has sent all that follows.
	seen    map[string]bool
	removed map[uint64]bool // at version
	woken   map[string]bool // whose wake was told at version
	wakes   []string        // of the batch that has begun
	id      inbox.Cursor
	version uint64
	open    bool // a batch has begun and has no last frame yet
}

func newFollower(servers []*replica) *follower {
	f := &follower{servers: servers, held: map[uint64]heldItem{}, cursor: "0.0"}
	f.list(0)
	return f
}

// connect opens a stream at a server. It breaks after limit bytes, if that is
// not negative.
func (f *follower) connect(server, limit int) {
	s, r := f.prepare(server)
	f.wire.limit = limit
	ctx, cancel := context.WithCancel(context.Background())
	f.hangUp = cancel
	out, closed := f.wire, f.closed
	go func() {
		defer close(closed)
		s.Serve(out, r.WithContext(ctx), "u", netip.Addr{}, wire.Lease{})
	}()
}

// connectNarrow opens a stream at a server that takes no more than there is
// room for.
func (f *follower) connectNarrow(server int) {
	s, r := f.prepare(server)
	c := s.newConnection(r, netip.Addr{}, wire.Lease{})
	s.enter(c, "u")
	f.narrow = &narrow{wire: f.wire, closed: f.closed}
	f.hangUp = func() { s.signal(c, signalGone) }
	s.begin(c, f.narrow)
}

func (f *follower) prepare(server int) (*Hub, *http.Request) {
	f.server = server
	for _, h := range f.held {
		if h.Pending && h.listed {
			f.cursor = "none" // what is missing comes with a new list
			break
		}
	}
	f.wire, f.closed, f.narrow = newConn(), make(chan struct{}), nil
	f.seen, f.removed, f.open = map[string]bool{}, map[uint64]bool{}, false
	f.woken, f.wakes = map[string]bool{}, nil
	f.id, f.version = inbox.Cursor{}, 0
	f.waiting = nil
	r := httptest.NewRequest(http.MethodGet, "/v1/users/u/stream", nil)
	r.Header.Set("Last-Event-ID", f.cursor)
	replica := f.servers[server]
	return New(Config{Rows: replica, Items: replica, Logger: slog.New(slog.DiscardHandler)}), r
}

// narrow is an outlet whose client takes little at a time, as a socket does
// whose buffer is full.
type narrow struct {
	mu     sync.Mutex
	wire   *conn
	room   int
	closed chan struct{}
}

func (n *narrow) widen(room int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.room += room
}

func (n *narrow) put(b []byte) (int, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	took := min(n.room, len(b))
	n.room -= took
	if _, err := n.wire.Write(b[:took]); err != nil {
		return 0, false, err
	}
	if err := n.wire.FlushError(); err != nil {
		return 0, false, err
	}
	return took, false, nil
}

func (n *narrow) gone() bool { return false }

func (n *narrow) close() { close(n.closed) }

func (f *follower) disconnect() {
	if f.hangUp != nil {
		f.hangUp()
		<-f.closed
		f.hangUp = nil
	}
}

// receive takes in what has come.
func (f *follower) receive() error {
	if f.wire == nil {
		return nil
	}
	events, err := f.wire.read()
	if err != nil {
		return err
	}
	f.waiting = append(f.waiting, events...)
	for {
		if f.owed != nil && !f.list(*f.owed) {
			return nil
		}
		f.owed = nil
		if len(f.waiting) == 0 {
			return nil
		}
		e := f.waiting[0]
		f.waiting = f.waiting[1:]
		if err := f.take(e); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
	}
}

// list asks the connected server for the whole inbox.
func (f *follower) list(version uint64) bool {
	server := f.servers[f.server]
	row, _ := server.Row("u")
	if row.Version < version {
		return false // 503, to be asked again
	}
	clear(f.held)
	for i := range row.Items {
		if e := &row.Items[i]; !e.Expired(time.Now()) && !e.Hidden(time.Now()) {
			item := wire.NewItem(e, server.contentOf, new(wire.Translator), time.Now())
			f.held[e.Seq] = heldItem{item, item.Pending}
		}
	}
	f.badge = wire.NewBadge("u", row.Badge(time.Now()))
	return true
}

func (f *follower) take(e servertest.Event) error {
	if err := f.check(e); err != nil {
		return err
	}
	switch e.Name {
	case eventItem:
		var in struct {
			wire.Item
			Priority string `json:"priority"` // which is only ever written
		}
		if err := json.Unmarshal([]byte(e.Data), &in); err != nil {
			return err
		}
		b := in.Item
		delete(f.removed, b.Seq) // it may have woken, and expires later
		if !b.WokeAt.IsZero() && b.Shown == 0 {
			f.wakes = append(f.wakes, fmt.Sprint(b.Seq, b.Pending))
		} else if key := fmt.Sprint(b.Seq, b.Version, b.Pending); f.seen[key] {
			return fmt.Errorf("item %s twice on one connection", key)
		} else {
			f.seen[key] = true
		}
		if have, ok := f.held[b.Seq]; !ok || have.Pending || have.Version <= b.Version {
			f.held[b.Seq] = heldItem{b, false}
		}
	case eventState:
		var b stateBody
		if err := json.Unmarshal([]byte(e.Data), &b); err != nil {
			return err
		}
		return f.change(b)
	case eventUnread:
		var b wire.Badge
		if err := json.Unmarshal([]byte(e.Data), &b); err != nil {
			return err
		}
		if b.Version < f.version {
			return fmt.Errorf("version went back from %d", f.version)
		}
		if err := f.show(e.ID, b.Version); err != nil {
			return err
		}
		if err := f.tellWakes(b.Version); err != nil {
			return err
		}
		f.badge, f.version = b, b.Version
	case eventResync:
		clear(f.removed)
		clear(f.woken)
		var b versionBody
		if err := json.Unmarshal([]byte(e.Data), &b); err != nil {
			return err
		}
		if err := f.show(e.ID, b.Version); err != nil {
			return err
		}
		f.owed, f.version = &b.Version, b.Version
	}
	if e.HasID {
		f.cursor = e.ID
	}
	return nil
}

// show holds that a version is not older than the last id, on whichever
// connection that came, unless the epochs differ. It may be older than what was
// shown of a batch with pending items: the id is before that.
func (f *follower) show(id string, version uint64) error {
	have, err := inbox.ParseCursor(f.cursor)
	if err != nil {
		return nil // this client asked for a resync
	}
	if c, err := inbox.ParseCursor(id); err != nil || c.Epoch == have.Epoch && version < have.Version {
		return fmt.Errorf("shows an older version than %s", have)
	}
	return nil
}

// tellWakes ends a batch of that version: a wake that is not settled is told once a
// version, since no version of its own tells it.
func (f *follower) tellWakes(version uint64) error {
	if version > f.version {
		clear(f.woken)
	}
	for _, wake := range f.wakes {
		if f.woken[wake] {
			return fmt.Errorf("the wake of %s twice at one version", wake)
		}
		f.woken[wake] = true
	}
	f.wakes = nil
	return nil
}

// change applies a state event.
func (f *follower) change(b stateBody) error {
	if b.Version > f.version {
		clear(f.removed)
	}
	set := func(seqs []uint64, change func(*heldItem)) {
		for _, seq := range seqs {
			if h, ok := f.held[seq]; ok {
				change(&h)
				h.Archived = slices.Contains(b.Archived, seq)
				f.held[seq] = h
			}
		}
	}
	set(b.Read, func(h *heldItem) { h.Read, h.Seen = true, true })
	set(b.Unread, func(h *heldItem) { h.Read = false })
	set(b.Seen, func(h *heldItem) { h.Seen = true })
	for _, seq := range b.Removed {
		if f.removed[seq] {
			return fmt.Errorf("%d removed twice at one version", seq)
		}
		f.removed[seq] = true
		delete(f.held, seq)
	}
	return nil
}

// check holds that ids stand where they may and do not go back.
func (f *follower) check(e servertest.Event) error {
	switch e.Name {
	case eventItem, eventState:
		f.open = true
		if e.HasID {
			return fmt.Errorf("has an id, although it is not the last of its batch")
		}
		return nil
	case eventUnread, eventResync:
		f.open = false
		if !e.HasID {
			return fmt.Errorf("has no id")
		}
	case eventPing, wire.EventBye:
		if f.open {
			return fmt.Errorf("within a batch")
		}
		if e.HasID && e.ID != f.cursor {
			return fmt.Errorf("id is not the last sent, %s", f.cursor)
		}
	}
	if e.HasID {
		id, err := inbox.ParseCursor(e.ID)
		if err != nil {
			return err
		}
		if id.Version < f.id.Version {
			return fmt.Errorf("id went back from %s", f.id)
		}
		f.id = id
	}
	return nil
}
