package node

import (
	"context"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
)

// TestMetricsTakeFewConnections has one address open more connections to the port of metrics
// than it may, which say nothing more after a request each: those beyond are closed, and
// another address is served beside them.
func TestMetricsTakeFewConnections(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- serveMetrics(ctx, ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	ask := func(from string) (conn net.Conn, served bool) {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := d.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(await.Patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			return conn, false
		}
		n, _ := conn.Read(make([]byte, 1))
		return conn, n == 1
	}
	for _, from := range []string{"127.0.0.1", "127.0.0.2"} {
		served := 0
		for range 3 * metricsConnectionsPerAddress {
			if _, ok := ask(from); ok {
				served++
			}
		}
		if served != metricsConnectionsPerAddress {
			t.Errorf("%d connections of %s were served, want %d", served, from, metricsConnectionsPerAddress)
		}
	}
	if _, ok := ask("127.0.0.3"); !ok {
		t.Error("a scraper was not served beside them")
	}
}
