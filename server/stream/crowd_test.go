package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

// crowdTables tells of a change once it can be read, as views do: while the hub reads the
// tables, and never under their lock.
type crowdTables struct {
	*servertest.Tables
	late          []string // users whose contents are held back; guarded by Mu
	row           func(user string)
	content       func(user string, urgent uint64)
	board, notice func(partition int32)
}

func (f *crowdTables) WatchRows(changed func(string)) (stop func()) {
	f.row = changed
	return func() {}
}

func (f *crowdTables) WatchContents(wanted func(string) bool, changed func(string, uint64)) (stop func()) {
	f.content = func(user string, urgent uint64) {
		if wanted(user) {
			changed(user, urgent)
		}
	}
	return func() {}
}

func (f *crowdTables) WatchBoards(changed func(int32)) (stop func()) {
	f.board = changed
	return func() {}
}

func (f *crowdTables) WatchNotices(changed func(int32)) (stop func()) {
	f.notice = changed
	return func() {}
}

// append writes a record of a user or of a board and returns its version.
func (f *crowdTables) append(key string, r inbox.Record) uint64 {
	at, err := f.Append(context.Background(), inbox.Addressed{Recipients: []string{key}, Record: r})
	if err != nil {
		panic(err) // the tables are in memory
	}
	seq := uint64(at[0].Offset) + 1
	p, own := belfry.ParsePartitionKey(key)
	f.Mu.Lock()
	if f.HoldItems && !own {
		f.late = append(f.late, key)
	}
	f.Mu.Unlock()
	switch {
	case own:
		f.notice(p)
		f.board(p)
	case r.Notification.Priority == belfry.PriorityUrgent:
		f.content(key, seq)
		f.row(key)
	default:
		f.content(key, 0)
		f.row(key)
	}
	return seq
}

// RowInto gives others a turn between what it reads and the round that reads it, now and then.
func (f *crowdTables) RowInto(memory *inbox.State, user string) (inbox.State, error) {
	row, err := f.Tables.RowInto(memory, user)
	if rand.IntN(4) == 0 {
		runtime.Gosched()
	}
	return row, err
}

// Item gives others a turn between a content that it lacks and the end of the round.
func (f *crowdTables) Item(user string, seq uint64) (inbox.Item, bool, error) {
	item, ok, err := f.Tables.Item(user, seq)
	if !ok {
		runtime.Gosched()
	}
	return item, ok, err
}

// holdItems has contents come later than what shows them, until releaseItems.
func (f *crowdTables) holdItems() {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.HoldItems = true
}

func (f *crowdTables) releaseItems() {
	f.Release()
	f.Mu.Lock()
	late := f.late
	f.late = nil
	f.Mu.Unlock()
	for p := range int32(crowdPartitions) {
		f.notice(p)
	}
	for _, user := range late {
		f.content(user, 0)
	}
}

// reading is how a client reads.
type reading int

const (
	readsAll   reading = iota // at once
	readsSome                 // what there happens to be room for
	readsLater                // all, and says so later, as a connection with TLS
	readings
)

// crowdClient is the client of one stream after another of a user. It keeps what it is
// told, and what the server did that it may not.
type crowdClient struct {
	crowd   *crowd
	user    string
	reading reading

	mu      sync.Mutex
	present *connection // its stream; what others bring is not read
	random  *rand.Rand
	buf     []byte
	cursor  string
	stamp   [2]uint64       // version and x of the last badge
	shown   *sync.Cond      // stamp is another
	held    map[uint64]bool // items, and whether they lack their content
	seen    map[string]bool // items on this stream
	batch   int             // items of it so far
	first   bool            // this stream has had no badge yet
	faults  []string
}

// crowdOutlet is one stream's.
type crowdOutlet struct {
	client *crowdClient
	c      *connection
}

func (o *crowdOutlet) put(b []byte) (n int, later bool, err error) {
	client := o.client
	client.mu.Lock()
	defer client.mu.Unlock()
	if client.present != o.c {
		return 0, false, errGone
	}
	switch n = len(b); client.reading {
	case readsSome:
		n = min(n, max(0, client.random.IntN(2*n+1)-n/2))
	case readsLater:
		bytes := strings.Clone(string(b))
		client.crowd.writes.Go(func() {
			client.mu.Lock()
			if client.present == o.c {
				client.take([]byte(bytes))
			}
			client.mu.Unlock()
			client.crowd.hub.wrote(o.c, nil)
		})
		return n, true, nil
	}
	client.take(b[:n])
	return n, false, nil
}

func (o *crowdOutlet) gone() bool {
	o.client.mu.Lock()
	defer o.client.mu.Unlock()
	return o.client.present != o.c
}

func (o *crowdOutlet) close() {
	if !o.gone() {
		o.client.mu.Lock()
		defer o.client.mu.Unlock()
		o.client.fault("the server ended its stream")
	}
}

func (c *crowdClient) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// take reads what has come.
func (c *crowdClient) take(b []byte) {
	events, rest, err := servertest.ParseSSE(append(c.buf, b...))
	if err != nil {
		c.fault("%v", err)
	}
	c.buf = append([]byte(nil), rest...)
	for _, e := range events {
		if e.Name != "" {
			c.event(e)
		}
	}
}

func (c *crowdClient) event(e servertest.Event) {
	var data struct {
		Seq, Version uint64
		X            uint64
		Pending      bool
		Removed      []uint64
	}
	if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
		c.fault("%s: %v", e, err)
	}
	switch e.Name {
	case eventItem:
		key := fmt.Sprint(data.Seq, data.Version, data.Pending)
		if c.seen[key] {
			c.fault("item %s twice", key)
		}
		c.seen[key] = true
		c.held[data.Seq] = data.Pending
		c.batch++
	case eventState:
		for _, seq := range data.Removed {
			delete(c.held, seq)
		}
	case eventUnread:
		stamp := [2]uint64{data.Version, data.X}
		before, same := stamp[0] < c.stamp[0] || stamp[0] == c.stamp[0] && stamp[1] < c.stamp[1], stamp == c.stamp
		if before || same && c.batch == 0 && !c.first {
			c.fault("badge %d after %d, with %d items", stamp, c.stamp, c.batch)
		}
		c.stamp, c.batch, c.first = stamp, 0, false
		c.shown.Broadcast()
	case eventResync, wire.EventBye:
		c.fault("%s", e)
	}
	if e.HasID {
		c.cursor = e.ID
	}
}

// connect leaves the stream that the client has, if it has one, and opens another from its
// cursor.
func (c *crowdClient) connect() {
	hub := c.crowd.hub
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	c.mu.Lock()
	r.Header.Set("Last-Event-ID", c.cursor)
	left, next := c.present, hub.newConnection(r, netip.Addr{}, wire.Lease{})
	c.present, c.buf, c.seen, c.batch, c.first = next, nil, map[string]bool{}, 0, true
	c.mu.Unlock()
	if left != nil {
		hub.signal(left, signalGone)
	}
	hub.enter(next, c.user)
	hub.begin(next, &crowdOutlet{c, next})
}

// await waits until the client has a badge of that version.
func (c *crowdClient) await(version uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.stamp[0] < version {
		c.shown.Wait()
	}
}

// wrong says what the client has that is not what the tables hold, "" if all is.
func (c *crowdClient) wrong(now time.Time) string {
	row, err := c.crowd.tables.Row(c.user)
	c.mu.Lock()
	defer c.mu.Unlock()
	badge := row.Badge(now)
	want := [2]uint64{badge.Cursor.Version, uint64(badge.Passed)}
	visible := 0
	for i := range row.Items {
		if e := &row.Items[i]; !e.Expired(now) {
			visible++
			if pending, held := c.held[e.Seq]; !held || pending {
				return fmt.Sprintf("%s lacks %d, has %d: %v", c.user, e.Seq, c.stamp, err)
			}
		}
	}
	if want != c.stamp || visible != len(c.held) {
		return fmt.Sprintf("%s has %d with %d items, want %d with %d: %v", c.user, c.stamp, len(c.held), want, visible, err)
	}
	return ""
}

// crowd is clients of many users.
type crowd struct {
	tables  *crowdTables
	hub     *Hub
	clients []*crowdClient
	writes  sync.WaitGroup // of those who read later
}

const crowdPartitions = 3

func newCrowd(users, wakes int, seed uint64) *crowd {
	f := &crowdTables{Tables: servertest.NewTables()}
	f.OpenBoards(crowdPartitions, 100)
	w := &crowd{tables: f, hub: New(Config{Rows: f, Items: f, Logger: slog.New(slog.DiscardHandler), Wakes: wakes, Limits: Limits{PerUser: -1, Total: -1}})}
	for i := range users {
		// One in eight has several streams.
		for j := range 1 + 2*(max(i%8, 6)-6) {
			c := &crowdClient{
				crowd: w, user: fmt.Sprint("user-", strings.Repeat("x", i%crowdPartitions), i), reading: reading((i + j) % int(readings)),
				random: rand.New(rand.NewPCG(seed, uint64(i))), cursor: "0.0", held: map[uint64]bool{},
			}
			c.shown = sync.NewCond(&c.mu)
			w.clients = append(w.clients, c)
			c.connect()
		}
	}
	return w
}

// direct writes to users, every other time to one of a few, and waits now and then until it
// is shown.
func (w *crowd) direct(n int, random *rand.Rand) {
	for i := range n {
		among := len(w.clients)
		if i%2 == 0 {
			among = 16
		}
		c := w.clients[random.IntN(among)]
		r := servertest.Pressing(fmt.Sprint(i), belfry.Priority(random.IntN(4)-1))
		switch random.IntN(8) {
		case 0:
			r.Notification.ExpiresAt = time.Now().Add(time.Duration(20+random.IntN(200)) * time.Millisecond)
		case 1:
			r = servertest.Touch()
		}
		if version := w.tables.append(c.user, r); i%3 == 0 {
			c.await(version)
		}
	}
}

// announce writes notices and takes some back. What each board has last is shown to all of
// its users in the end.
func (w *crowd) announce(n int, random *rand.Rand) {
	for i := range n {
		key := belfry.PartitionKey(int32(random.IntN(crowdPartitions)))
		r := servertest.Notice("all", fmt.Sprint("notice ", i))
		switch random.IntN(4) {
		case 0:
			r.Notification.ExpiresAt = time.Now().Add(time.Duration(20+random.IntN(300)) * time.Millisecond)
		case 1:
			r = back("all", fmt.Sprint("notice ", random.IntN(i+1)))
		}
		if i%3 == 0 {
			w.tables.holdItems()
		}
		version := w.tables.append(key, r)
		if i%3 == 0 {
			runtime.Gosched()
			w.tables.releaseItems()
		}
		if r.Kind == inbox.KindNotify && i%4 == 0 { // else the next comes while this is being shown
			p, _ := belfry.ParsePartitionKey(key)
			for _, c := range w.clients {
				if w.tables.Partition(c.user) == p {
					c.await(version)
					break
				}
			}
		}
	}
}

// lacking describes the first of those who have not what the tables hold, and where the hub
// has them.
func (w *crowd) lacking(when string) string {
	wrong, first := 0, ""
	for _, c := range w.clients {
		if is := c.wrong(time.Now()); is != "" {
			if wrong++; wrong == 1 {
				w.hub.mu.Lock()
				a := c.present.subscribers
				first = fmt.Sprintf("%s; reads %d, queued %t, serving %t, pacing %t, in a lane %t, signals %b, left %t, known %t", is,
					c.reading, a.queued, a.serving, a.pacing, a.place.in != nil, c.present.signals, c.present.left, w.hub.subscribers[c.user] == a)
				w.hub.mu.Unlock()
			}
		}
	}
	return fmt.Sprintf("%s: %d of %d streams are wrong, such as %s", when, wrong, len(w.clients), first)
}

// TestEveryStreamGetsItsLast has clients of many users come, go and come again, slow ones
// among them, while notices to all are written, end and are taken back, and each user is
// written to: in the end every stream has been told what its user's row and board hold,
// each badge once and in order.
func TestEveryStreamGetsItsLast(t *testing.T) {
	t.Parallel()
	users, writes := 2000, 3000
	if testing.Short() {
		users, writes = 400, 600
	}
	for _, wakes := range []int{users, 1 << 30} {
		t.Run(fmt.Sprint(wakes), func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			w := newCrowd(users, wakes, seed)
			var work sync.WaitGroup
			done := make(chan struct{})
			for i := range 4 {
				work.Go(func() { w.direct(writes/4, rand.New(rand.NewPCG(seed, uint64(i)))) })
			}
			work.Go(func() { w.announce(40, rand.New(rand.NewPCG(seed, 4))) })
			work.Go(func() {
				random := rand.New(rand.NewPCG(seed, 5))
				for range writes {
					w.clients[random.IntN(len(w.clients))].connect()
				}
			})
			go func() {
				defer close(done)
				work.Wait()
			}()
			await.Eventually(t, await.Patience, func() string { return w.lacking("a writer waits") }, func() bool {
				select {
				case <-done:
					return true
				default:
					return false
				}
			})
			await.Eventually(t, await.Patience, func() string { return w.lacking("in the end") }, func() bool {
				now := time.Now()
				for _, c := range w.clients {
					if c.wrong(now) != "" {
						return false
					}
				}
				return true
			})
			for _, c := range w.clients {
				c.mu.Lock()
				for _, fault := range c.faults {
					t.Errorf("%s, who reads %d: %s", c.user, c.reading, fault)
				}
				c.mu.Unlock()
			}
			w.hub.Drain(t.Context())
			w.writes.Wait()
		})
	}
}
