package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/belfry/belfry/internal/servertest"
)

// dial connects from one of this machine's addresses.
func (r *running) dial(t testing.TB, from string) (net.Conn, error) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(r.url, "http://"))
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

// ask sends text and returns the status line of the answer, "" if the
// connection was closed instead.
func ask(t testing.TB, conn net.Conn, text string) string {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, text) // a closed connection shows below
	line, err := bufio.NewReader(conn).ReadString('\n')
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("neither an answer nor an end")
	}
	return strings.TrimSpace(line)
}

const health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

func withConnections(total, silent int) func(*Config) {
	return func(c *Config) { c.Limits.Connections, c.Limits.SilentPerAddress = total, silent }
}

func (c *connections) counts() (open, silent int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.silent {
		silent += n
	}
	return len(c.open), silent
}

func TestConnectionsSilentPerAddress(t *testing.T) {
	r := run(t, time.Second, withConnections(100, 3))
	var silent []net.Conn
	for range 3 {
		conn, err := r.dial(t, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, conn)
	}
	servertest.WaitFor(t, func() bool { _, n := r.connections.counts(); return n == 3 })
	conn, err := r.dial(t, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, conn, ""); got != "" {
		t.Errorf("got %q over the limit, want the connection closed", got)
	}
	// Another address is not concerned, and one that speaks makes room.
	for _, from := range []string{"127.0.0.2", "127.0.0.3"} {
		conn, err := r.dial(t, from)
		if err != nil {
			t.Fatal(err)
		}
		if got := ask(t, conn, health); got != "HTTP/1.1 200 OK" {
			t.Errorf("got %q from %s, want 200", got, from)
		}
	}
	if got := ask(t, silent[0], health); got != "HTTP/1.1 200 OK" {
		t.Errorf("got %q from a connection within the limit, want 200", got)
	}
	again, err := r.dial(t, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, again, health); got != "HTTP/1.1 200 OK" {
		t.Errorf("got %q after one had spoken, want 200", got)
	}
	if got := testutil.ToFloat64(r.connections.refused.WithLabelValues(refusedAddress)); got != 1 {
		t.Errorf("got %v refused for their address, want 1", got)
	}
	for _, conn := range silent {
		_ = conn.Close()
	}
	servertest.WaitFor(t, func() bool { _, n := r.connections.counts(); return n == 0 })
}

func TestConnectionsInAll(t *testing.T) {
	r := run(t, time.Second, withConnections(2, 100))
	kept, err := r.dial(t, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, kept, health); got != "HTTP/1.1 200 OK" {
		t.Fatalf("got %q, want 200", got)
	}
	other, err := r.dial(t, "127.0.0.2")
	if err != nil {
		t.Fatal(err)
	}
	servertest.WaitFor(t, func() bool { n, _ := r.connections.counts(); return n == 2 })
	refused, err := r.dial(t, "127.0.0.3")
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, refused, health); got != "" {
		t.Errorf("got %q over the limit, want the connection closed", got)
	}
	_ = other.Close()
	servertest.WaitFor(t, func() bool { n, _ := r.connections.counts(); return n == 1 })
	again, err := r.dial(t, "127.0.0.3")
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, again, health); got != "HTTP/1.1 200 OK" {
		t.Errorf("got %q after one had gone, want 200", got)
	}
}

// TestConnectionsHTTP2 counts an h2c connection as one that has spoken, and
// forgets it.
func TestConnectionsHTTP2(t *testing.T) {
	r := run(t, time.Second)
	c := client(t, true)
	res := fetch(t, c, r.url+"/healthz")
	if res.ProtoMajor != 2 {
		t.Fatalf("got %s, want HTTP/2", res.Proto)
	}
	if open, silent := r.connections.counts(); open != 1 || silent != 0 {
		t.Errorf("got %d open and %d silent, want 1 and none", open, silent)
	}
	_ = res.Body.Close()
	c.CloseIdleConnections()
	servertest.WaitFor(t, func() bool { open, _ := r.connections.counts(); return open == 0 })
}

// TestConnectionsFlood has ten thousand sockets that say nothing: as many as an
// address may have are held, not a goroutine for any of the others, and who has
// something to ask is answered meanwhile.
func TestConnectionsFlood(t *testing.T) {
	flood, most := 10_000, 500
	if testing.Short() {
		flood = 1500
	}
	// Those that are refused are open on one side alone.
	needed := uint64(flood + 2*most + 1000)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < needed {
		t.Skipf("needs %d open files, may have %d", needed, limit.Cur)
	}
	r := run(t, time.Second, withConnections(3000, most))
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	for worker := range 20 {
		wg.Go(func() {
			for range flood / 20 {
				conn, err := r.dial(t, fmt.Sprintf("127.0.0.%d", 10+worker%2))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				conns = append(conns, conn)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	refused := func() int { return int(testutil.ToFloat64(r.connections.refused.WithLabelValues(refusedAddress))) }
	servertest.WaitFor(t, func() bool { return refused() >= flood-2*most })
	if open, silent := r.connections.counts(); open > 2*most || silent > 2*most {
		t.Errorf("got %d open and %d silent, want at most %d", open, silent, 2*most)
	}
	conn, err := r.dial(t, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if got := ask(t, conn, health); got != "HTTP/1.1 200 OK" {
		t.Errorf("got %q during the flood, want 200", got)
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	servertest.WaitFor(t, func() bool { _, silent := r.connections.counts(); return silent == 0 })
}

// TestSlowRequests has clients that send their request a little at a time, or
// never end it. None is waited for beyond its time.
func TestSlowRequests(t *testing.T) {
	t.Parallel()
	post := func(path string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	}
	tests := map[string]struct {
		text, answer string
		long         bool // takes the time of a header, which is not a setting
	}{
		"body that never comes":           {post("/v1/notifications") + "Content-Length: 9\r\n\r\n", "400", false},
		"half a body":                     {post("/v1/users/a/inbox/read") + "Content-Length: 99\r\n\r\n{\"seqs\":[", "400", false},
		"chunk that never comes":          {post("/v1/retractions") + "Transfer-Encoding: chunked\r\n\r\nff\r\n{", "400", false},
		"body that nobody reads":          {post("/v1/users/a/tickets") + "Content-Length: 9\r\n\r\n", "", false},
		"body of a call that has none":    {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", "", false},
		"body of a path that is none":     {post("/v1/nowhere") + "Content-Length: 9\r\n\r\n", "", false},
		"header that never comes":         {"", "", true},
		"half a header":                   {"GET /healthz HTTP/1.1\r\nHost: local", "", true},
		"half a preface of HTTP/2":        {"PRI * HTTP/2.0\r\n\r\nSM", "", true},
		"nothing after the HTTP/2 hello":  {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", true},
		"half a header, on and on (drip)": {"drip", "", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.long && testing.Short() {
				t.Skip("takes as long as a header may")
			}
			t.Parallel()
			r := run(t, time.Second, func(c *Config) { c.Limits.Request = 100 * time.Millisecond })
			conn, err := r.dial(t, "127.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			if tt.text == "drip" {
				drip(t, conn)
			}
			got := ask(t, conn, strings.TrimPrefix(tt.text, "drip"))
			if tt.answer != "" && !strings.HasPrefix(got, "HTTP/1.1 "+tt.answer) {
				t.Errorf("got %q, want %s", got, tt.answer)
			}
			servertest.WaitFor(t, func() bool { open, _ := r.connections.counts(); return open == 0 })
		})
	}
}

// drip sends a header a byte at a time until the server has enough.
func drip(t *testing.T, conn net.Conn) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	text := "GET /healthz HTTP/1.1\r\nX: " + strings.Repeat("x", 200)
	for i := range text {
		if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
			return
		}
		<-tick.C
	}
	t.Error("the server has patience without end")
}

// TestLargeRequests has headers and bodies beyond all bounds: they are refused
// without being read to their end.
func TestLargeRequests(t *testing.T) {
	r := run(t, time.Second)
	for name, tt := range map[string]struct{ text, answer string }{
		"a header":     {"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 1<<20), "431"},
		"many headers": {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X: y\r\n", 1<<17), "431"},
		"an address":   {"GET /" + strings.Repeat("x", 1<<20), "431"},
		"a body that is announced": {"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
			"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n", "413"},
		"a body that is not": {"POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n200000\r\n" + strings.Repeat(" ", 1<<21), "413"},
		"a body of an action": {"POST /v1/users/a/inbox/read HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
			"Content-Length: 65537\r\n\r\n" + strings.Repeat(" ", 65537), "413"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := r.dial(t, "127.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() { // the server stops reading half-way
				defer close(done)
				_, _ = io.WriteString(conn, tt.text)
			}()
			if got := ask(t, conn, ""); !strings.HasPrefix(got, "HTTP/1.1 "+tt.answer) {
				t.Errorf("got %q, want %s", got, tt.answer)
			}
			_ = conn.Close()
			<-done
		})
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X", strings.Repeat("x", 1<<20))
	if res, err := client(t, true).Do(req); err == nil {
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("HTTP/2: got %d, want 431", res.StatusCode)
		}
	}
}
