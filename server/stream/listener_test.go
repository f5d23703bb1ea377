package stream

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

// conn is a client's connection in memory, an http.ResponseWriter to the
// server. What was written can be read once it is flushed.
type conn struct {
	mu        sync.Mutex
	header    http.Header
	status    int
	buf       []byte
	flushed   int
	deadline  time.Time
	writes    int
	deadlines int  // how many writes had a deadline
	stalled   bool // the client reads nothing more
	limit     int  // bytes after which the client is gone, -1 for none
}

func newConn() *conn {
	return &conn{header: http.Header{}, limit: -1}
}

func (w *conn) Header() http.Header { return w.header }

func (w *conn) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status = status
}

func (w *conn) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes++
	if !w.deadline.IsZero() {
		w.deadlines++
	}
	if w.stalled {
		until := w.deadline
		w.mu.Unlock()
		<-time.After(time.Until(until))
		w.mu.Lock()
		return 0, os.ErrDeadlineExceeded
	}
	if w.limit >= 0 && len(w.buf)+len(b) > w.limit {
		n := max(0, w.limit-len(w.buf))
		w.buf = append(w.buf, b[:n]...)
		w.flushed = len(w.buf) // the network carries it all the same
		return n, errors.New("connection reset")
	}
	w.buf = append(w.buf, b...)
	return len(b), nil
}

func (w *conn) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flushed = len(w.buf)
	return nil
}

func (w *conn) SetWriteDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = t
	return nil
}

// read returns the events flushed since the last read.
func (w *conn) read() ([]servertest.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	events, rest, err := servertest.ParseSSE(w.buf[:w.flushed])
	n := w.flushed - len(rest)
	w.buf, w.flushed = w.buf[n:], w.flushed-n
	if w.limit >= 0 {
		w.limit -= n
	}
	return events, err
}

// listener is a client in a synctest bubble with its stream.
type listener struct {
	t      *testing.T
	wire   *conn
	hangUp context.CancelFunc
	closed chan struct{}
}

// listen opens a stream of user u. Request changes the request before it is
// served.
func listen(t *testing.T, s *Hub, request func(*http.Request), until time.Time) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &listener{t: t, wire: newConn(), hangUp: cancel, closed: make(chan struct{})}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/users/u/stream", nil)
	if request != nil {
		request(r)
	}
	go func() {
		defer close(l.closed)
		s.Serve(l.wire, r, "u", netip.Addr{}, wire.Lease{Until: until})
	}()
	t.Cleanup(func() {
		cancel()
		<-l.closed
	})
	return l
}

// Next returns what has come since the last call, once the server is idle.
func (l *listener) Next() []servertest.Event {
	l.t.Helper()
	synctest.Wait()
	events, err := l.wire.read()
	if err != nil {
		l.t.Fatal(err)
	}
	return events
}

// ended reports whether the server has ended the stream.
func (l *listener) ended() bool {
	synctest.Wait()
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// Want compares what has come since the last call. Each expected event is a
// name, or a name and what must be in the data, or a name, data and "id=…";
// an event for which no id is given must have none.
func (l *listener) Want(want ...string) {
	l.t.Helper()
	var got []string
	for _, e := range l.Next() {
		got = append(got, e.String())
	}
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		ok = servertest.Matches(got[i], want[i])
	}
	if !ok {
		l.t.Fatalf("at %s\ngot\n\t%s\nwant\n\t%s", time.Now().Format("04:05.000"),
			strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func newTestHub(f *servertest.Tables) *Hub {
	return New(Config{Rows: f, Items: f, Logger: slog.New(slog.DiscardHandler)})
}

func withQuery(cursor string) func(*http.Request) {
	return func(r *http.Request) { r.URL.RawQuery = "last_event_id=" + cursor }
}

func withHeader(cursor string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Last-Event-ID", cursor) }
}
