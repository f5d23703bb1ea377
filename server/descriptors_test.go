package server

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/servertest"
)

// TestOneAddressLeavesDescriptors has one address open all that it can, speak on
// each and keep it: others are answered, streams are part of the account, and a
// reserve is never touched. The operator was told that the limits promise more.
func TestOneAddressLeavesDescriptors(t *testing.T) {
	t.Parallel()
	var log servertest.Log
	r := run(t, 10*time.Second, func(c *Config) {
		c.Limits.Descriptors = 40 // 10 in reserve, 15 an address
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	address := strings.TrimPrefix(r.url, "http://")
	ask := func(from, path string) string {
		t.Helper()
		conn, err := servertest.DialFrom(t, address, from)
		if err != nil {
			t.Fatal(err)
		}
		return servertest.Ask(t, conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	const answered = "HTTP/1.1 200 OK"
	for range 10 {
		if got := ask("127.0.0.1", "/v1/users/u/stream"); got != answered {
			t.Fatalf("got %q for a stream, want 200", got)
		}
	}
	servertest.WaitFor(t, func() bool {
		all, own := r.streams.Hijacked(netip.MustParseAddr("127.0.0.1"))
		return all == 10 && own == 10
	})
	for range 5 {
		if got := ask("127.0.0.1", "/healthz"); got != answered {
			t.Fatalf("got %q within half of what is free, want 200", got)
		}
	}
	if got := ask("127.0.0.1", "/healthz"); got != "" {
		t.Errorf("got %q beyond half of what is free, want the connection closed", got)
	}
	for range 15 {
		if got := ask("127.0.0.2", "/healthz"); got != answered {
			t.Errorf("got %q from another address, want 200", got)
		}
	}
	for range 3 { // in the place of idle ones
		if got := ask("127.0.0.3", "/healthz"); got != answered {
			t.Errorf("got %q from a third address, want 200", got)
		}
	}
	if open := r.figure("belfry_connections") + 10; open > 30 {
		t.Errorf("%v are open, of which some are of the reserve", open)
	}
	for _, want := range []string{"raise ulimit -n", "descriptors=40", "for_connections=30", "promised=110000"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
}
