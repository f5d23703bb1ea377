package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/servertest"
)

func (r *running) dial(t testing.TB, from string) (net.Conn, error) {
	t.Helper()
	return servertest.DialFrom(t, strings.TrimPrefix(r.url, "http://"), from)
}

// figure is the sum of a metric of the server's own.
func (r *running) figure(name string) float64 {
	r.t.Helper()
	families, err := r.config.Registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// TestConnectionLimits has a server hold its connections to the limits that it
// was given; package limit has how.
func TestConnectionLimits(t *testing.T) {
	for name, limits := range map[string]Limits{
		"total":   {Connections: 2, SilentPerAddress: 100},
		"address": {Connections: 100, SilentPerAddress: 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, time.Second, func(c *Config) { c.Limits = limits })
			for range 2 {
				if _, err := r.dial(t, "127.0.0.1"); err != nil {
					t.Fatal(err)
				}
			}
			servertest.WaitFor(t, func() bool { return r.figure("belfry_connections") == 2 })
			conn, err := r.dial(t, "127.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			if got := servertest.Ask(t, conn, ""); got != "" {
				t.Errorf("got %q over the limit, want the connection closed", got)
			}
			w := httptest.NewRecorder()
			r.MetricsHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
			if want := fmt.Sprintf("belfry_connections_refused_total{limit=%q} 1\n", name); !strings.Contains(w.Body.String(), want) {
				t.Errorf("the metrics lack %s", want)
			}
		})
	}
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
			got := servertest.Ask(t, conn, strings.TrimPrefix(tt.text, "drip"))
			if tt.answer != "" && !strings.HasPrefix(got, "HTTP/1.1 "+tt.answer) {
				t.Errorf("got %q, want %s", got, tt.answer)
			}
			servertest.WaitFor(t, func() bool { return r.figure("belfry_connections") == 0 })
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
	t.Parallel()
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
			if got := servertest.Ask(t, conn, ""); !strings.HasPrefix(got, "HTTP/1.1 "+tt.answer) {
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
	// Over HTTP/2 it costs the connection, or is answered; others go on.
	c := client(t, true)
	if res, err := c.Do(req); err == nil {
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("HTTP/2: got %d, want 431", res.StatusCode)
		}
	}
	req.Header.Del("X")
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
		t.Errorf("afterwards: got %d over %s", res.StatusCode, res.Proto)
	}
}
