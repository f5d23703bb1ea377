package limit

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"runtime"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// accepted returns both ends of a new connection: the client's, and the server's as r
// has it.
func accepted(t *testing.T, r *Turns) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if server, err = r.Listener(ln).Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

func TestConnectionsOfOneAddressTakeTurns(t *testing.T) {
	r := NewTurns(nobody, prometheus.NewRegistry())
	r.addresses.each = 1
	firstClient, first := accepted(t, r)
	secondClient, second := accepted(t, r)
	first.(*turnsConn).crowd.pace.working.Store(1000)
	sent := bytes.Repeat([]byte("0123456789abcdef"), bufferBytes/16)
	for _, c := range []net.Conn{firstClient, secondClient} {
		if _, err := c.Write(sent); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := first.Read(make([]byte, bufferBytes)); err != nil || n <= turnBytes {
		t.Fatalf("alone it read %d bytes, %v", n, err)
	}
	pieces := make(chan []byte)
	go func() {
		defer close(pieces)
		for got := 0; got < len(sent); {
			b := make([]byte, bufferBytes)
			n, err := second.Read(b)
			if err != nil {
				return
			}
			if !second.(*turnsConn).turn.Load() {
				t.Error("it has read without a turn")
			}
			got += n
			pieces <- b[:n]
		}
	}()
	for testutil.ToFloat64(r.waited) == 0 {
		select {
		case <-pieces:
			t.Fatal("it did not wait for its turn")
		default:
			runtime.Gosched()
		}
	}
	if err := first.Close(); err != nil { // which ends the turn
		t.Fatal(err)
	}
	got := <-pieces
	if len(got) != turnBytes {
		t.Errorf("beside another one it brought in %d bytes", len(got))
	}
	for piece := range pieces {
		got = append(got, piece...)
	}
	if !bytes.Equal(got, sent) {
		t.Error("what was read is not what was sent")
	}
	if first.(*turnsConn).crowd.pace.taken == 0 {
		t.Error("what is brought in beside many requests is no step")
	}
	if n := testutil.ToFloat64(r.waited); n != 1 {
		t.Errorf("%v reads waited", n)
	}
	second.Close()
	if len(r.addresses.all) != 0 {
		t.Errorf("%d addresses are known of closed connections", len(r.addresses.all))
	}
}

func TestAReadEndsTheTurnBefore(t *testing.T) {
	r := NewTurns(nobody, prometheus.NewRegistry())
	r.addresses.each = 1
	client, server := accepted(t, r)
	for range 3 {
		if _, err := io.WriteString(client, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if n := testutil.ToFloat64(r.waited); n != 0 {
		t.Errorf("%v reads waited for themselves", n)
	}
}

func TestProxiesTakeNoTurns(t *testing.T) {
	r := NewTurns(func(a netip.Addr) bool { return a.IsLoopback() }, prometheus.NewRegistry())
	if _, server := accepted(t, r); server.(*net.TCPConn) == nil {
		t.Error("a proxy's connections, which are many people's, wait for each other")
	}
}
