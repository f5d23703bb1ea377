package limit

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/net/http2"
)

// refuse refuses n requests of a connection and reports whether it is to be closed.
func (r *Turns) refuse(t *testing.T, conn net.Conn, n int) (enough bool) {
	return r.refuseWith(t, conn, n, nil)
}

// refuseWith is refuse for requests of such a header.
func (r *Turns) refuseWith(t *testing.T, conn net.Conn, n int, header http.Header) (enough bool) {
	request := (&http.Request{RequestURI: "/", Header: header}).WithContext(r.Context(t.Context(), conn))
	for range n {
		enough = refused(request) || enough
	}
	return enough
}

// read sends a byte and has it read.
func read(t *testing.T, client, server net.Conn) {
	t.Helper()
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

const inBurst = int(wasteBurst / refusalWaste)

func TestConnectionsThatAreRefusedOverAndOverEnd(t *testing.T) {
	r := NewTurns(nobody, prometheus.NewRegistry())
	_, server := accepted(t, r)
	if r.refuse(t, server, inBurst/2) {
		t.Error("half of a burst was enough")
	}
	if !r.refuse(t, server, inBurst) {
		t.Error("one and a half were not")
	}
	if n := testutil.ToFloat64(r.calmed.WithLabelValues(calmedRefusals)); n != 1 {
		t.Errorf("%v connections are counted, want 1", n)
	}
}

// TestLongHeadersAreMoreRefusals holds that a refused request counts for what was read of it.
func TestLongHeadersAreMoreRefusals(t *testing.T) {
	r := NewTurns(nobody, prometheus.NewRegistry())
	_, server := accepted(t, r)
	forged := http.Header{"Authorization": {strings.Repeat("x", 5*refusalBytes)}}
	if r.refuseWith(t, server, inBurst/7, forged) {
		t.Error("six sevenths of a burst were enough")
	}
	if !r.refuseWith(t, server, inBurst/7, forged) {
		t.Error("twelve sevenths were not")
	}
}

// TestOneAddressIsSlowedDown has connections of one address waste all that it may: those
// that do, and new ones, wait then; one that was answered before does not.
func TestOneAddressIsSlowedDown(t *testing.T) {
	r := NewTurns(nobody, prometheus.NewRegistry())
	oldClient, old := accepted(t, r)
	read(t, oldClient, old)
	Answered(r.Context(t.Context(), old))
	var floods []net.Conn
	for range 11 {
		_, server := accepted(t, r)
		floods = append(floods, server)
		if r.refuse(t, server, inBurst/10) {
			t.Fatal("a connection is to end that has done little")
		}
	}
	slowed := func() float64 { return testutil.ToFloat64(r.slowed) }
	read(t, oldClient, old)
	if n := slowed(); n != 0 {
		t.Errorf("%v reads of a connection were slowed down that has no part in it", n)
	}
	newClient, fresh := accepted(t, r)
	read(t, newClient, fresh)
	if n := slowed(); n != 1 {
		t.Errorf("of a new connection %v reads were slowed down, want 1", n)
	}
	// Time passes: what was wasted is paid for.
	r.waste.add(fresh.(*turnsConn).household(), -2*wasteBurst, time.Now())
	read(t, newClient, fresh)
	if n := slowed(); n != 1 {
		t.Errorf("%v reads were slowed down once all is paid for, want 1", n)
	}
	if floods[0].(*turnsConn).suspect.Load() == 0 {
		t.Error("nothing is against one that was refused over and over")
	}
}

// TestANewConnectionIsSlowedDownOnce holds that one of an address that wastes waits before
// it is read, and then no more unless it has a part in that.
func TestANewConnectionIsSlowedDownOnce(t *testing.T) {
	r := NewTurns(nobody, prometheus.NewRegistry())
	client, server := accepted(t, r)
	wasted := func() { r.waste.add(server.(*turnsConn).household(), wasteBurst+10*time.Millisecond, time.Now()) }
	slowed := func() float64 { return testutil.ToFloat64(r.slowed) }
	for range 3 {
		wasted()
		read(t, client, server)
		if n := slowed(); n != 1 {
			t.Errorf("%v reads of a new connection were slowed down, want 1", n)
		}
		r.waste.add(server.(*turnsConn).household(), -2*wasteBurst, time.Now())
	}
	wasted()
	r.refuse(t, server, 1)
	read(t, client, server)
	if n := slowed(); n != 2 {
		t.Errorf("%v reads were slowed down, want one more of a connection that was refused", n)
	}
}

// TestAReadThatIsSlowedDownEndsWithItsConnection holds that nothing waits for a
// connection that the server closes.
func TestAReadThatIsSlowedDownEndsWithItsConnection(t *testing.T) {
	r := NewTurns(nobody, prometheus.NewRegistry())
	client, server := accepted(t, r)
	r.waste.add(server.(*turnsConn).household(), time.Hour, time.Now())
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(done)
		_, _ = server.Read(make([]byte, 1)) // whatever it returns
	}()
	for testutil.ToFloat64(r.slowed) == 0 || server.(*turnsConn).wake.Load() == nil {
		runtime.Gosched()
	}
	server.Close()
	<-done
	if took := time.Since(began); took >= newPatience {
		t.Errorf("it ended after %s", took)
	}
}

// TestConnectionsWithoutARequestAreWaste has one address connect over and over and ask for
// nothing, as a flood of TLS handshakes does: its connections wait then. One that has asked
// is no waste.
func TestConnectionsWithoutARequestAreWaste(t *testing.T) {
	r := NewTurns(nobody, prometheus.NewRegistry())
	flood := func(served bool) (owed time.Duration) {
		for range 50 {
			_, server := accepted(t, r)
			c := server.(*turnsConn)
			if served {
				c.begin(&http.Request{ProtoMajor: 1})
			}
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			_ = c.Close() // as net/http may, of which none counts again
			owed = r.waste.owed(c.household(), time.Now())
		}
		return owed
	}
	if owed := flood(true); owed != 0 {
		t.Errorf("connections with a request waste %s", owed)
	}
	if owed := flood(false); owed <= 0 || owed > 50*refusalWaste {
		t.Errorf("50 connections without one waste %s", owed)
	}
}

// TestHeadersOfRequestsThatBeginAreNoWaste holds that of headers over HTTP/2 those alone are
// waste of which no request begins.
func TestHeadersOfRequestsThatBeginAreNoWaste(t *testing.T) {
	var c turnsConn
	h2 := &http.Request{ProtoMajor: 2}
	for range 10_000 {
		if waste := c.asked(2); waste != 0 { // the second are trailers
			t.Fatalf("a request with trailers wastes %s", waste)
		}
		c.begin(h2)
	}
	if waste := c.asked(unbegunHeaders); waste != 0 {
		t.Errorf("as many as there may be waste %s", waste)
	}
	if waste := c.asked(5); waste != 5*refusalWaste {
		t.Errorf("five more waste %s", waste)
	}
}

func TestFloodsOfFramesEnd(t *testing.T) {
	r := NewTurns(nobody, prometheus.NewRegistry())
	client, server := accepted(t, r)
	Answered(r.Context(t.Context(), server))
	pings := sent(t, func(f *http2.Framer, _ int) error { return f.WritePing(false, [8]byte{}) }, 2*int(wasteBurst/frameWaste))
	go func() { _, _ = client.Write(pings) }()                 // until it is closed
	n, err := io.Copy(io.Discard, struct{ io.Reader }{server}) // not by WriteTo of TCP
	if code := http2.ErrCodeEnhanceYourCalm; !errors.Is(err, http2.ConnectionError(code)) {
		t.Errorf("got %v after %d bytes, want %s", err, n, code)
	}
	if n := testutil.ToFloat64(r.calmed.WithLabelValues(calmedFrames)); n != 1 {
		t.Errorf("%v connections are counted, want 1", n)
	}
}

func TestProxiesWasteAsTheyLike(t *testing.T) {
	r := NewTurns(func(a netip.Addr) bool { return a.IsLoopback() }, prometheus.NewRegistry())
	client, server := accepted(t, r)
	if r.refuse(t, server, 2*inBurst) {
		t.Error("a proxy's connection, which is many people's, is to end")
	}
	pings := sent(t, func(f *http2.Framer, _ int) error { return f.WritePing(false, [8]byte{}) }, 2*int(wasteBurst/frameWaste))
	go func() {
		_, _ = client.Write(pings)
		client.Close()
	}()
	var got bytes.Buffer
	if _, err := got.ReadFrom(server); err != nil || got.Len() != len(pings) {
		t.Errorf("got %d of %d bytes, %v", got.Len(), len(pings), err)
	}
}
