package stream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/server/wire"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
)

// tight has sockets that take little at a time.
type tight struct{ net.Listener }

func (l tight) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(16 << 10)
	}
	return conn, err
}

// socketServer serves the streams of the users that the paths name.
func socketServer(t *testing.T, s *Hub) net.Addr {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		address := netip.MustParseAddrPort(r.RemoteAddr).Addr()
		s.Serve(w, r, strings.TrimPrefix(r.URL.Path, "/"), address, wire.Lease{})
	}))
	srv.Listener = tight{srv.Listener}
	srv.Start()
	t.Cleanup(func() {
		s.Drain(t.Context())
		srv.Close()
	})
	return srv.Listener.Addr()
}

// openSocket asks for a stream over a socket of its own.
func openSocket(t *testing.T, addr net.Addr, user, protocol string, headers ...string) net.Conn {
	t.Helper()
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	request := "GET /" + user + " " + protocol + "\r\nHost: x\r\n"
	for _, h := range headers {
		request += h + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		t.Fatal(err)
	}
	return conn
}

// stream reads the answer of a socket.
func stream(t *testing.T, conn net.Conn) (servertest.Reader, *http.Response) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(3 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "text/event-stream" || resp.Header.Get("Date") == "" {
		t.Fatalf("got status %d, header %v", resp.StatusCode, resp.Header)
	}
	return servertest.NewReader(t, bufio.NewReader(resp.Body)), resp
}

// openCount is how many streams are open.
func openCount(s *Hub) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func TestStreamOnASocket(t *testing.T) {
	for _, tt := range []struct {
		protocol string
		chunked  bool
	}{{"HTTP/1.1", true}, {"HTTP/1.0", false}} {
		t.Run(tt.protocol, func(t *testing.T) {
			f := servertest.NewTables()
			s := newTestHub(f)
			s.pingEvery = 100 * time.Millisecond
			conn := openSocket(t, socketServer(t, s), "u", tt.protocol)
			events, resp := stream(t, conn)
			if got := len(resp.TransferEncoding) == 1; got != tt.chunked || !resp.Close {
				t.Errorf("got transfer encoding %v, close %t", resp.TransferEncoding, resp.Close)
			}
			events.Want("retry")
			events.Want("unread id=0.0")
			if e, ok := events.Next(); !ok || e.Name != eventPing {
				t.Errorf("got %s, want a ping", e)
			}
			// A stream wants nothing from its client, and is not harmed by it.
			if _, err := io.WriteString(conn, "GET /again HTTP/1.1\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			servertest.Append(t, f, servertest.Note("one"))
			events.Want(`item "seq":1 "title":"one"`)
			events.Want(`unread "unread":1 id=7.1`)
			go s.Drain(t.Context())
			events.Want(`bye {"reason":"drain"} id=7.1`)
			if e, ok := events.Next(); ok { // fails for a body that is cut short
				t.Errorf("got %s after bye", e)
			}
		})
	}
}

func TestIdleStreamsHaveNoGoroutines(t *testing.T) {
	const n = 300
	f := servertest.NewTables()
	s := newTestHub(f)
	addr := socketServer(t, s)
	before := runtime.NumGoroutine()
	for i := range n {
		events, _ := stream(t, openSocket(t, addr, fmt.Sprint("user-", i), "HTTP/1.1"))
		events.Want("retry")
		events.Want("unread id=0.0")
	}
	servertest.WaitFor(t, func() bool { return runtime.NumGoroutine() < before+n/10 })
	if got := openCount(s); got != n {
		t.Errorf("got %d streams, want %d", got, n)
	}
}

// large is a notification that fills the buffers of a socket.
func large(title string) inbox.Record {
	r := servertest.Note(title)
	r.Notification.Body = belfry.PlainText(strings.Repeat("x", 32<<10))
	return r
}

// TestStreamOfABlackHole has a client that takes nothing: what it costs is
// bounded, it holds up nobody, and it is given up after the write timeout.
func TestStreamOfABlackHole(t *testing.T) {
	t.Parallel()
	f := servertest.NewTables()
	s := newTestHub(f)
	s.writeTimeout = 5 * time.Second
	addr := socketServer(t, s)
	const holes = 10
	for range holes {
		openSocket(t, addr, "u", "HTTP/1.1", "Last-Event-ID: 0.0")
	}
	servertest.WaitFor(t, func() bool { return openCount(s) == holes })
	other, _ := stream(t, openSocket(t, addr, "u", "HTTP/1.1", "Last-Event-ID: 0.0"))
	other.Want("retry")
	const items = 60
	for i := range items {
		servertest.Append(t, f, large(fmt.Sprint(i)))
	}
	seen := 0
	for seen < items {
		e, ok := other.Next()
		if !ok {
			t.Fatal("the stream of the client that reads has ended")
		}
		if e.Name == eventItem {
			seen++
		}
		s.mu.Lock()
		if a := s.subscribers["u"]; a != nil && !a.serving {
			for _, c := range a.connections {
				if unsentOf(c) != nil && len(c.rest) > 34<<10 {
					t.Errorf("%d bytes are kept for a client that takes nothing, more than one event", len(c.rest))
				}
			}
		}
		s.mu.Unlock()
	}
	servertest.WaitFor(t, func() bool { return openCount(s) == 1 })
	if got := testutil.ToFloat64(s.metrics.ends.WithLabelValues(endWrite)); got != holes {
		t.Errorf("got %v ends by write, want %d", got, holes)
	}
}

// unsentOf returns what the client of c has yet to take, with hub.mu held and no round
// serving c. Before c has begun that is its request's alone to read.
func unsentOf(c *connection) *unsent {
	if c.out == nil {
		return nil
	}
	return c.unsent
}

// TestStreamOfASlowClient has a client that takes a break in a batch: it is
// told all, each item once, and ends with what the table holds.
func TestStreamOfASlowClient(t *testing.T) {
	f := servertest.NewTables()
	s := newTestHub(f)
	addr := socketServer(t, s)
	const items = 50
	for i := range items {
		servertest.Append(t, f, large(fmt.Sprint(i)))
	}
	conn := openSocket(t, addr, "u", "HTTP/1.1", "Last-Event-ID: 0.0")
	stuck := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		a := s.subscribers["u"]
		return a != nil && !a.serving && unsentOf(a.connections[0]) != nil && len(a.connections[0].rest) > 0
	}
	servertest.WaitFor(t, stuck)
	servertest.Append(t, f, servertest.Command(inbox.KindRead, 1), servertest.Command(inbox.KindDelete, 2), servertest.Note("last"))
	events, _ := stream(t, conn)
	events.Want("retry")
	seqs := map[string]bool{}
	for {
		e, ok := events.Next()
		if !ok {
			t.Fatal("the stream has ended")
		}
		if e.Name == eventItem {
			seq, _, _ := strings.Cut(e.Data, `,"priority"`)
			if seqs[seq] {
				t.Errorf("item %s is told twice", seq)
			}
			seqs[seq] = true
		}
		if e.Name == eventUnread {
			if !servertest.Matches(e.String(), fmt.Sprintf(`unread "version":%d "unread":%d id=7.%[1]d`, items+3, items-1)) {
				t.Errorf("got %s", e)
			}
			break
		}
	}
	if len(seqs) < items {
		t.Errorf("got %d items, want at least %d", len(seqs), items)
	}
}

func TestStreamsOfClientsThatWentMakeRoom(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]Limits{
		"in all":      {Total: 2, PerUser: -1},
		"per user":    {Total: -1, PerUser: 2},
		"per address": {Total: -1, PerUser: -1, PerAddress: 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestHub(servertest.NewTables())
			s.config.Limits = limits
			addr := socketServer(t, s)
			var held []net.Conn
			for range 2 {
				conn := openSocket(t, addr, "u", "HTTP/1.1")
				events, _ := stream(t, conn)
				events.Want("retry")
				events.Want("unread id=0.0")
				held = append(held, conn)
			}
			refused, _ := stream(t, openSocket(t, addr, "u", "HTTP/1.1"))
			refused.Want("retry")
			refused.Want(`bye {"reason":"limit"}`)
			for _, conn := range held {
				_ = conn.Close()
			}
			// A client finds the room at the latest when the server looks again.
			servertest.WaitFor(t, func() bool {
				again, _ := stream(t, openSocket(t, addr, "u", "HTTP/1.1"))
				again.Want("retry")
				e, ok := again.Next()
				return ok && e.Name == eventUnread
			})
		})
	}
}

func TestPingFindsThatTheClientWent(t *testing.T) {
	s := newTestHub(servertest.NewTables())
	s.pingEvery = 50 * time.Millisecond
	conn := openSocket(t, socketServer(t, s), "u", "HTTP/1.1")
	events, _ := stream(t, conn)
	events.Want("retry")
	_ = conn.Close()
	servertest.WaitFor(t, func() bool { return openCount(s) == 0 })
	if got := testutil.ToFloat64(s.metrics.ends.WithLabelValues(endGone)); got != 1 {
		t.Errorf("got %v ends by gone, want 1", got)
	}
}

// TestCutEndsWhatDrainHasLeft has clients that take nothing, not even bye.
func TestCutEndsWhatDrainHasLeft(t *testing.T) {
	f := servertest.NewTables()
	s := newTestHub(f)
	addr := socketServer(t, s)
	for i := range 60 {
		servertest.Append(t, f, large(fmt.Sprint(i)))
	}
	for range 3 {
		openSocket(t, addr, "u", "HTTP/1.1", "Last-Event-ID: 0.0")
	}
	servertest.WaitFor(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		stuck := 0
		if a := s.subscribers["u"]; a != nil && !a.serving {
			for _, c := range a.connections {
				if u := unsentOf(c); u != nil && !u.stuck.IsZero() {
					stuck++
				}
			}
		}
		return stuck == 3
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.Drain(ctx)
	if got := openCount(s); got != 3 {
		t.Errorf("got %d streams after drain, want all 3: their clients took nothing", got)
	}
	s.Cut()
	if got := openCount(s); got != 0 {
		t.Errorf("got %d streams after cut", got)
	}
}
