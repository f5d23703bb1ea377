package limit

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/belfry/belfry/internal/servertest"
)

const health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

// nobody is no address of a proxy.
func nobody(netip.Addr) bool { return false }

// limited is a server on a loopback port that answers 200 to everything, but to /wait.
type limited struct {
	connections *Connections
	address     string
}

func limitedServer(t *testing.T, bounds Bounds) *limited {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if bounds.Shared == nil {
		bounds.Shared = nobody
	}
	if bounds.Hijacked == nil {
		bounds.Hijacked = func(netip.Addr) (all, ofAddress int) { return 0, 0 }
	}
	if bounds.Reap == nil {
		bounds.Reap = func() {}
	}
	c := NewConnections(bounds, prometheus.NewRegistry())
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	srv := &http.Server{
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/wait" {
				<-r.Context().Done()
			}
		}),
		Protocols: &protocols, ConnState: c.Track, ReadHeaderTimeout: time.Minute,
	}
	go func() { _ = srv.Serve(ln) }() // its error is that of being closed
	t.Cleanup(func() { _ = srv.Close() })
	return &limited{c, ln.Addr().String()}
}

func (c *Connections) counts() (open, silent int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.addresses {
		silent += n.silent
		if n.open <= 0 || n.silent > n.open {
			panic(n) // an address of none is not to be remembered
		}
	}
	return len(c.open), silent
}

func TestConnectionsSilentPerAddress(t *testing.T) {
	r := limitedServer(t, Bounds{Total: 100, Descriptors: 100, PerAddress: 100, SilentPerAddress: 3})
	var silent []net.Conn
	for range 3 {
		conn, err := servertest.DialFrom(t, r.address, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, conn)
	}
	servertest.WaitFor(t, func() bool { _, n := r.connections.counts(); return n == 3 })
	conn, err := servertest.DialFrom(t, r.address, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if got := servertest.Ask(t, conn, ""); got != "" {
		t.Errorf("got %q over the limit, want the connection closed", got)
	}
	// Another address is not concerned, and one that speaks makes room.
	for _, from := range []string{"127.0.0.2", "127.0.0.3"} {
		conn, err := servertest.DialFrom(t, r.address, from)
		if err != nil {
			t.Fatal(err)
		}
		if got := servertest.Ask(t, conn, health); got != "HTTP/1.1 200 OK" {
			t.Errorf("got %q from %s, want 200", got, from)
		}
	}
	if got := servertest.Ask(t, silent[0], health); got != "HTTP/1.1 200 OK" {
		t.Errorf("got %q from a connection within the limit, want 200", got)
	}
	again, err := servertest.DialFrom(t, r.address, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if got := servertest.Ask(t, again, health); got != "HTTP/1.1 200 OK" {
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

// TestConnectionsPerAddress holds that an address has no more by speaking on each
// and keeping it open, unless it stands for many.
func TestConnectionsPerAddress(t *testing.T) {
	proxy := netip.MustParseAddr("127.0.0.9")
	r := limitedServer(t, Bounds{Total: 100, Descriptors: 100, PerAddress: 3, SilentPerAddress: 100, Shared: func(a netip.Addr) bool { return a == proxy }})
	speak := func(from string) string {
		t.Helper()
		conn, err := servertest.DialFrom(t, r.address, from)
		if err != nil {
			t.Fatal(err)
		}
		return servertest.Ask(t, conn, health)
	}
	const answered = "HTTP/1.1 200 OK"
	for range 3 {
		if got := speak("127.0.0.1"); got != answered {
			t.Fatalf("got %q within the limit, want 200", got)
		}
	}
	if got := speak("127.0.0.1"); got != "" {
		t.Errorf("got %q over the limit, want the connection closed", got)
	}
	if got := testutil.ToFloat64(r.connections.refused.WithLabelValues(refusedAddress)); got != 1 {
		t.Errorf("got %v refused for their address, want 1", got)
	}
	for range 5 {
		if got := speak(proxy.String()); got != answered {
			t.Errorf("got %q from a proxy, want 200", got)
		}
	}
}

// TestConnectionsCountHijackedOnes holds that those which handlers took over are
// part of the descriptors.
func TestConnectionsCountHijackedOnes(t *testing.T) {
	var hijacked atomic.Int64
	r := limitedServer(t, Bounds{Total: 100, Descriptors: 3, PerAddress: 3, SilentPerAddress: 3, Hijacked: func(netip.Addr) (all, ofAddress int) { return int(hijacked.Load()), 0 }})
	for taken, want := range []string{"HTTP/1.1 200 OK", "HTTP/1.1 200 OK", ""} {
		hijacked.Store(int64(taken))
		conn, err := servertest.DialFrom(t, r.address, "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		if got := servertest.Ask(t, conn, health); got != want {
			t.Errorf("%d taken: got %q, want %q", taken, got, want)
		}
	}
}

// TestConnectionsCountHijackedOnesOfTheirAddress holds that they are part of what an
// address may have, and that those whose client has gone are looked for before it is refused.
func TestConnectionsCountHijackedOnesOfTheirAddress(t *testing.T) {
	greedy := netip.MustParseAddr("127.0.0.1")
	var gone, reaped atomic.Bool
	r := limitedServer(t, Bounds{
		Total: 100, Descriptors: 100, PerAddress: 3, SilentPerAddress: 3,
		Hijacked: func(address netip.Addr) (all, ofAddress int) {
			if reaped.Load() || address != greedy {
				return 3, 0
			}
			return 3, 3
		},
		Reap: func() { reaped.Store(gone.Load()) },
	})
	speak := func(from string) string {
		conn, err := servertest.DialFrom(t, r.address, from)
		if err != nil {
			t.Fatal(err)
		}
		return servertest.Ask(t, conn, health)
	}
	const answered = "HTTP/1.1 200 OK"
	if got := speak("127.0.0.1"); got != "" {
		t.Errorf("got %q beside three that were taken over, want the connection closed", got)
	}
	if got := speak("127.0.0.2"); got != answered {
		t.Errorf("got %q from another address, want 200", got)
	}
	gone.Store(true)
	if got := speak("127.0.0.1"); got != answered {
		t.Errorf("got %q once those had gone, want 200", got)
	}
}

// TestConnectionsMakeRoom has two addresses open all connections that there may be: others
// take the place of idle ones, until nobody has more than they.
func TestConnectionsMakeRoom(t *testing.T) {
	r := limitedServer(t, Bounds{Total: 8, Descriptors: 8, PerAddress: 4, SilentPerAddress: 4})
	const answered = "HTTP/1.1 200 OK"
	dial := func(from string) net.Conn {
		conn, err := servertest.DialFrom(t, r.address, from)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for _, from := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.2", "127.0.0.2", "127.0.0.2"} {
		if _, err := dial(from).Write([]byte("GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if got := servertest.Ask(t, dial("127.0.0.1"), health); got != answered {
			t.Fatalf("got %q, want 200", got)
		}
	}
	servertest.WaitFor(t, func() bool { open, silent := r.connections.counts(); return open == 8 && silent == 0 })
	dial("127.0.0.1") // who has half of all himself
	got := []string{}
	for range 3 {
		got = append(got, servertest.Ask(t, dial("127.0.0.3"), health))
	}
	evicted := testutil.ToFloat64(r.connections.evicted)
	if evicted != 2 || got[0] != answered || got[1] != answered || got[2] != "" {
		t.Errorf("got %q with %v closed for them, want two to be answered, two closed", got, evicted)
	}
	servertest.WaitFor(t, func() bool { open, _ := r.connections.counts(); return open == 8 })
	r.connections.mu.Lock()
	defer r.connections.mu.Unlock()
	asking := 0
	for _, c := range r.connections.open {
		if !c.mayEnd() {
			asking++
		}
	}
	if asking != 5 {
		t.Errorf("%d of five that were being answered are left", asking)
	}
}

func TestConnectionsInAll(t *testing.T) {
	r := limitedServer(t, Bounds{Total: 2, Descriptors: 100, PerAddress: 100, SilentPerAddress: 100})
	kept, err := servertest.DialFrom(t, r.address, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if got := servertest.Ask(t, kept, health); got != "HTTP/1.1 200 OK" {
		t.Fatalf("got %q, want 200", got)
	}
	other, err := servertest.DialFrom(t, r.address, "127.0.0.2")
	if err != nil {
		t.Fatal(err)
	}
	servertest.WaitFor(t, func() bool { n, _ := r.connections.counts(); return n == 2 })
	refused, err := servertest.DialFrom(t, r.address, "127.0.0.3")
	if err != nil {
		t.Fatal(err)
	}
	if got := servertest.Ask(t, refused, health); got != "" {
		t.Errorf("got %q over the limit, want the connection closed", got)
	}
	_ = other.Close()
	servertest.WaitFor(t, func() bool { n, _ := r.connections.counts(); return n == 1 })
	again, err := servertest.DialFrom(t, r.address, "127.0.0.3")
	if err != nil {
		t.Fatal(err)
	}
	if got := servertest.Ask(t, again, health); got != "HTTP/1.1 200 OK" {
		t.Errorf("got %q after one had gone, want 200", got)
	}
}

// TestConnectionsHTTP2 counts an h2c connection as one that has spoken, and
// forgets it.
func TestConnectionsHTTP2(t *testing.T) {
	r := limitedServer(t, Bounds{Total: 10, Descriptors: 10, PerAddress: 10, SilentPerAddress: 10})
	var h2 http.Protocols
	h2.SetUnencryptedHTTP2(true)
	c := &http.Client{Transport: &http.Transport{Protocols: &h2}, Timeout: 3 * time.Minute}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.address, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
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
	r := limitedServer(t, Bounds{Total: 3000, Descriptors: 3000, PerAddress: 3000, SilentPerAddress: most})
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []net.Conn
	for worker := range 20 {
		wg.Go(func() {
			for range flood / 20 {
				conn, err := servertest.DialFrom(t, r.address, fmt.Sprintf("127.0.0.%d", 10+worker%2))
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
	conn, err := servertest.DialFrom(t, r.address, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if got := servertest.Ask(t, conn, health); got != "HTTP/1.1 200 OK" {
		t.Errorf("got %q during the flood, want 200", got)
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
	servertest.WaitFor(t, func() bool { _, silent := r.connections.counts(); return silent == 0 })
}

func TestAHouseholdIsOneAddress(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7":                  "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6":       "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1":       "2001:db8:1:2::/64",
		"2001:db8:1:3:3:4:5:6":       "2001:db8:1:3::/64",
		"2001:db8:ffff:ffff:1:1:1:1": "2001:db8:ffff:ffff::/64",
	} {
		if got := householdOf(netip.MustParseAddr(address)).String(); got != want {
			t.Errorf("%s counts for %s, want %s", address, got, want)
		}
	}
}
