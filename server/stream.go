package server

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// defaultMaxStreams is how many streams a server holds open at most.
	defaultMaxStreams = 50_000
	// defaultMaxStreamsPerUser is how many of them one user may have: a browser
	// with many tabs, a phone and some more.
	defaultMaxStreamsPerUser = 20
	// pingEvery is how often a stream says that it is alive.
	pingEvery = 20 * time.Second
	// streamWriteTimeout is how long a client may take to accept one event.
	streamWriteTimeout = 10 * time.Second
)

// streams holds the open streams of a server (Server-Sent Events, WHATWG HTML
// section 9.2). The fields above mu may be changed before the first call of
// serve. Methods are safe for concurrent use.
//
// Each stream runs in the goroutine of its request. All that a stream keeps is
// its [progress] and a dirty mark that both tables set: when it wakes it reads
// the tables and sends the newest, however many changes there were. So a slow
// client holds up nobody and is never sent what is old already.
type streams struct {
	maxStreams   int // in all
	maxPerUser   int
	pingEvery    time.Duration
	writeTimeout time.Duration // of one event

	rows    Rows
	items   Items
	log     *slog.Logger
	metrics streamMetrics

	mu      sync.Mutex
	open    map[*connection]struct{}
	perUser map[string]int
	drained chan struct{} // not nil once draining; closed when none is open
}

func newStreams(rows Rows, items Items, reg prometheus.Registerer, log *slog.Logger) *streams {
	return &streams{
		maxStreams:   defaultMaxStreams,
		maxPerUser:   defaultMaxStreamsPerUser,
		pingEvery:    pingEvery,
		writeTimeout: streamWriteTimeout,
		rows:         rows,
		items:        items,
		log:          log,
		metrics:      newStreamMetrics(reg),
		open:         map[*connection]struct{}{},
		perUser:      map[string]int{},
	}
}

// serve answers r with the stream of user, who was authorised before, and
// returns when that has ended: the client went or stopped reading, the token
// ended (until, or never if that is zero), or drain was called.
//
// A stream that cannot be had is answered with 200, bye and the time after
// which to come again, never with an error status: that would stop a browser's
// EventSource for good. This holds before the tables are recovered too, where
// all other calls answer 503.
func (s *streams) serve(w http.ResponseWriter, r *http.Request, user string, until time.Time) {
	if !until.IsZero() && !time.Now().Before(until) {
		s.refuse(w, byeExpired)
		return
	}
	c := s.newConnection(w, r, user)
	if reason, ok := s.enter(c); !ok {
		s.refuse(w, reason)
		return
	}
	defer s.leave(c)
	s.metrics.ends.WithLabelValues(c.run(r.Context(), until)).Inc()
}

// refuse answers a request for a stream with nothing but bye for that reason.
// Who is refused for a limit or a token comes back much later than one who can
// have the stream elsewhere at once.
func (s *streams) refuse(w http.ResponseWriter, reason string) {
	retry := soon()
	if reason != byeDrain {
		retry = later()
	}
	c := &connection{streams: s, w: w, control: http.NewResponseController(w)}
	if c.start(retry) == nil {
		// The client that is gone meanwhile needs no bye.
		_ = c.write(frame{event: eventBye, data: byeBody{reason}})
	}
	s.metrics.ends.WithLabelValues(reason).Inc()
}

// enter counts c among the open streams, or tells why it may not be.
func (s *streams) enter(c *connection) (reason string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.drained != nil:
		return byeDrain, false
	case len(s.open) >= s.maxStreams || s.perUser[c.user] >= s.maxPerUser:
		return byeLimit, false
	}
	s.open[c] = struct{}{}
	s.perUser[c.user]++
	s.metrics.connections.Inc()
	return "", true
}

func (s *streams) leave(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	if s.perUser[c.user]--; s.perUser[c.user] == 0 {
		delete(s.perUser, c.user)
	}
	s.metrics.connections.Dec()
	if s.drained != nil && len(s.open) == 0 {
		close(s.drained)
	}
}

// drain ends all streams with bye and returns when they have ended, or when ctx
// has. The byes are spread evenly over the time until ctx's deadline, less a
// margin for the last ones to be written, so that the clients do not all come
// to the other servers at once; without a deadline there is nothing to spread
// them over. Streams that start from now on get bye at once. Calling it again
// does no harm.
func (s *streams) drain(ctx context.Context) {
	s.mu.Lock()
	first := s.drained == nil
	if first {
		s.drained = make(chan struct{})
		if len(s.open) == 0 {
			close(s.drained)
		}
	}
	drained := s.drained
	open := make([]*connection, 0, len(s.open))
	for c := range s.open {
		open = append(open, c)
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
		c.end()
	}
	select {
	case <-drained:
	case <-ctx.Done():
	}
}

// soon is when a client whose stream broke comes back: jittered, so that those
// of one server do not come as one.
func soon() time.Duration { return jitter(2*time.Second, 6*time.Second) }

// later is when a client that was refused comes back.
func later() time.Duration { return jitter(30*time.Second, 60*time.Second) }

// jitter returns a whole number of milliseconds from low to high, both
// included.
func jitter(low, high time.Duration) time.Duration {
	return low + rand.N((high-low)/time.Millisecond+1)*time.Millisecond
}

// cursorOf returns the cursor that a request for a stream brings, empty if
// none. The header is set by a browser that connects again and knows more than
// the address it was first given.
func cursorOf(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return strings.Clone(id)
	}
	return strings.Clone(r.URL.Query().Get("last_event_id"))
}
