package stream

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry/server/wire"
)

const (
	// PingEvery is how often a stream says that it is alive.
	PingEvery = 20 * time.Second
	// writeTimeout is how long a client may take to accept one event.
	writeTimeout = 10 * time.Second
	// reapEvery is how often a full server looks for streams whose client has
	// gone.
	reapEvery = time.Second
)

// Hub is the hub of a server's open streams (Server-Sent Events, WHATWG
// HTML section 9.2). The fields above mu may be changed before the first call
// of serve. Methods are safe for concurrent use.
//
// A stream is a few hundred bytes: what its client was delivered ([progress]) and
// what has happened since ([signal]). There is no queue, and no goroutine that
// waits: what happens marks the streams of a user, and a bounded number of
// workers, which end when there is nothing to do, read the tables and write the
// newest, however many changes there were. So a slow client holds up nobody and
// is never sent what is old already.
type Hub struct {
	config       Config
	pingEvery    time.Duration
	writeTimeout time.Duration // of one event
	spread       time.Duration // of a notice to all
	workersMax   int

	metrics metrics
	rounds  sync.Pool // of *round: workers come and go
	// helpers are the goroutines that do what may block.
	helpers sync.WaitGroup

	mu          sync.Mutex
	subscribers map[string]*subscribers
	perAddress  map[netip.Addr]int
	taken       map[netip.Addr]int // open streams whose connection was taken from net/http
	hijacked    int                // all of taken
	open        int
	ready       lanes // of subscribers to be served
	notices     notices
	workers     int
	clock       clock
	reaped      time.Time     // when last looked for clients that have gone
	drained     chan struct{} // not nil once draining; closed when none is open
}

// New returns a hub without streams. It watches the tables for as long as they are.
func New(config Config) *Hub {
	config.Limits.setDefaults()
	config.Wakes = cmp.Or(max(config.Wakes, 0), DefaultWakes)
	s := &Hub{
		config:       config,
		pingEvery:    PingEvery,
		writeTimeout: writeTimeout,
		spread:       spread,
		workersMax:   workersMax(),
		metrics:      newMetrics(config.Registerer),
		subscribers:  map[string]*subscribers{},
		perAddress:   map[netip.Addr]int{},
		taken:        map[netip.Addr]int{},
	}
	config.Rows.WatchRows(func(user string) { s.changed(user, 0) })
	config.Items.WatchContents(s.has, s.changed)
	config.Rows.WatchBoards(s.boardChanged)
	config.Items.WatchNotices(s.noticeCame)
	return s
}

// Serve answers r with the stream of user, whose request was authorised before. The
// stream ends when the client goes or stops reading, with the lease, or with drain. serve may return before
// that, once it has taken the connection over; address is the client's.
//
// A stream that cannot be had is answered with 200, bye and the time after
// which to come again, never with an error status: that would stop a browser's
// EventSource for good. This holds before the tables are recovered too, where
// all other calls answer 503.
func (s *Hub) Serve(w http.ResponseWriter, r *http.Request, user string, address netip.Addr, lease wire.Lease) {
	if lease.Over(time.Now()) {
		s.Refuse(w, wire.ByeExpired)
		return
	}
	c := s.newConnection(r, address, lease)
	if c.at.phase == phaseResuming && s.config.Gone != nil && s.config.Gone(r.Context(), user, c.at.progress().id) {
		c.at.phase = phaseLost
	}
	// A part of the request would keep all of its buffer.
	if reason, ok := s.enter(c, strings.Clone(user)); !ok {
		s.Refuse(w, reason)
		return
	}
	if out := s.takeOver(w, r, c); out != nil {
		s.begin(c, out)
		return
	}
	wire.SetStreamHeader(w.Header())
	w.WriteHeader(http.StatusOK)
	out := newResponse(w, s.writeTimeout, func(err error) { s.wrote(c, err) })
	out.room = s.room(c.address)
	s.begin(c, out)
	out.run(r.Context(), func() { s.signal(c, signalGone) })
}

// Refuse answers a request for a stream with nothing but bye for that reason.
func (s *Hub) Refuse(w http.ResponseWriter, reason string) {
	wire.SetStreamHeader(w.Header())
	w.WriteHeader(http.StatusOK)
	// A client that has gone needs no bye.
	_ = newResponse(w, s.writeTimeout, nil).write(wire.AppendBye(nil, reason))
	s.metrics.ends.WithLabelValues(reason).Inc()
}

// enter counts c among the streams of user, or returns why it may not be. Where a
// limit is reached the streams whose client has gone make room.
func (s *Hub) enter(c *connection, user string) (reason string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drained != nil {
		return wire.ByeDrain, false
	}
	a := s.subscribers[user]
	if limit := s.config.Limits.PerUser; limit > 0 && a != nil && len(a.connections) >= limit {
		s.reap(a)
	}
	if a = s.subscribers[user]; s.full(c, a) {
		s.reapAll()
		if a = s.subscribers[user]; s.full(c, a) {
			return wire.ByeLimit, false
		}
	}
	if a == nil {
		a = &subscribers{hub: s, user: user}
		s.subscribers[user] = a
	}
	c.subscribers = a
	a.connections = append(a.connections, c)
	s.open++
	if s.config.Limits.PerAddress > 0 {
		s.perAddress[c.address]++
	}
	s.metrics.connections.Inc()
	return "", true
}

// full reports whether c is one more than is allowed, with s.mu held; a is nil
// for a user without streams.
func (s *Hub) full(c *connection, a *subscribers) bool {
	l := s.config.Limits
	return l.Total > 0 && s.open >= l.Total ||
		l.PerUser > 0 && a != nil && len(a.connections) >= l.PerUser ||
		l.PerAddress > 0 && s.perAddress[c.address] >= l.PerAddress
}

// EndWithdrawn has the streams end whose lease was withdrawn, each with bye. It looks at
// all streams.
func (s *Hub) EndWithdrawn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, a := range s.subscribers {
		for _, c := range a.connections {
			if c.lease.Over(now) {
				c.signals |= signalTime
				s.enqueue(a)
			}
		}
	}
}

// Reap ends the streams whose client has gone. It looks at all of them, once a second at
// most.
func (s *Hub) Reap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reapAll()
}

// reapAll is Reap with s.mu held.
func (s *Hub) reapAll() {
	now := time.Now()
	if now.Sub(s.reaped) < reapEvery {
		return
	}
	s.reaped = now
	for _, a := range s.subscribers {
		s.reap(a)
	}
}

// reap ends the streams of a whose client has gone, with s.mu held. Nothing
// else notices that before the next ping.
func (s *Hub) reap(a *subscribers) {
	for i := len(a.connections) - 1; i >= 0; i-- {
		if c := a.connections[i]; c.out != nil && !a.serving && c.out.gone() {
			s.leave(c, endGone)
		}
	}
}

// leave takes c from the open streams and closes it, with s.mu held.
func (s *Hub) leave(c *connection, why string) {
	a := c.subscribers
	if c.left {
		return
	}
	c.left = true
	a.remove(c)
	s.clock.remove(c)
	s.open--
	if s.config.Limits.PerAddress > 0 {
		less(s.perAddress, c.address)
	}
	if len(a.connections) == 0 {
		delete(s.subscribers, a.user)
		delete(s.notices.awaited, a)
	}
	c.out.close()
	if _, kept := c.out.(*response); !kept {
		s.hijacked--
		less(s.taken, c.address)
	}
	s.metrics.connections.Dec()
	s.metrics.ends.WithLabelValues(why).Inc()
	if s.drained != nil && s.open == 0 {
		close(s.drained)
	}
}

// less counts one less for address.
func less(counts map[netip.Addr]int, address netip.Addr) {
	if counts[address]--; counts[address] == 0 {
		delete(counts, address)
	}
}

// Hijacked is how many open streams have a connection that was taken from the HTTP
// server, and how many of these are of clients at address.
func (s *Hub) Hijacked(address netip.Addr) (all, ofAddress int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hijacked, s.taken[address]
}

// Limits are those of the streams, defaults included.
func (s *Hub) Limits() Limits { return s.config.Limits }

// Counted returns the metrics of the streams that are open and of the events
// written to them, by kind.
func (s *Hub) Counted() (open, events prometheus.Collector) {
	return s.metrics.connections, s.metrics.events
}

// Count is how many streams of the user are open.
func (s *Hub) Count(user string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.subscribers[user]; a != nil {
		return len(a.connections)
	}
	return 0
}

// Drain ends all streams with bye and returns when they have ended, or when ctx
// has. The byes are spread evenly over the time until ctx's deadline, less a
// margin for the last ones to be written, so that the clients do not all come
// to the other servers at once; without a deadline there is nothing to spread
// them over. Streams that start from now on get bye at once. Calling it again
// does no harm.
func (s *Hub) Drain(ctx context.Context) {
	s.mu.Lock()
	first := s.drained == nil
	if first {
		s.drained = make(chan struct{})
		if s.open == 0 {
			close(s.drained)
		}
	}
	drained := s.drained
	open := make([]*connection, 0, s.open)
	for _, a := range s.subscribers {
		open = append(open, a.connections...)
	}
	s.mu.Unlock()

	start, span := time.Now(), time.Duration(0)
	if deadline, ok := ctx.Deadline(); ok && first {
		left := deadline.Sub(start)
		span = max(0, left-min(time.Second, left/5))
	}
	pause := time.NewTimer(0)
	defer pause.Stop()
	for i, c := range open {
		// Not span*i/n: that overflows for a long span and many streams.
		at := start.Add(time.Duration(float64(span) * float64(i) / float64(len(open))))
		pause.Reset(time.Until(at))
		select {
		case <-pause.C:
		case <-drained:
			return
		case <-ctx.Done(): // all the rest at once
		}
		s.signal(c, signalDrain)
	}
	select {
	case <-drained:
		s.helpers.Wait()
	case <-ctx.Done():
	}
}

// Cut ends the streams that drain has left, without a word.
func (s *Hub) Cut() {
	s.mu.Lock()
	for _, a := range s.subscribers {
		for i := len(a.connections) - 1; i >= 0; i-- {
			if c := a.connections[i]; c.out != nil {
				s.leave(c, endWrite)
			}
		}
	}
	s.mu.Unlock()
	s.helpers.Wait()
}

// cursorOf returns the cursor that a request for a stream brings, empty if
// none. The header is set by a browser that connects again and knows more than
// the address it was first given.
func cursorOf(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("last_event_id")
}
