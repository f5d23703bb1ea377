package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
)

// running is a server on a loopback port.
type running struct {
	*api
	url  string
	stop context.CancelFunc
	done chan error // what Serve returned
}

func run(t *testing.T, grace time.Duration, edit ...func(*Config)) *running {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{api: newAPI(t, edit...), url: "http://" + ln.Addr().String(), stop: cancel, done: make(chan error, 1)}
	go func() { r.done <- r.Serve(ctx, ln, grace) }()
	t.Cleanup(func() {
		cancel()
		if err := <-r.done; err != nil {
			t.Errorf("got %v from Serve, want nil", err)
		}
	})
	return r
}

// client has connections of its own, closed with the test.
func client(t *testing.T, h2 bool) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(!h2)
	protocols.SetUnencryptedHTTP2(h2)
	transport := &http.Transport{Protocols: &protocols}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 3 * time.Minute}
}

func fetch(t *testing.T, c *http.Client, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// TestServeDrains ends a server that has streams on HTTP/1.1 and h2c and a
// request under way: streams say bye, the request is answered, Serve returns
// nil.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	r := run(t, 10*time.Second)
	var streams []*bufio.Scanner
	for _, h2 := range []bool{false, true} {
		res := fetch(t, client(t, h2), r.url+"/v1/users/u/stream")
		if got := res.ProtoMajor == 2; got != h2 {
			t.Fatalf("got protocol %s, want HTTP/2 %t", res.Proto, h2)
		}
		lines := bufio.NewScanner(res.Body)
		for lines.Scan() && lines.Text() != "event: unread" {
			continue
		}
		streams = append(streams, lines)
	}
	// This one waits for a version until there is a notification.
	answered := make(chan int, 1)
	slow := client(t, false)
	go func() {
		res, err := slow.Get(r.url + "/v1/users/u/unread?min_version=1")
		if err != nil {
			answered <- 0
			return
		}
		_ = res.Body.Close()
		answered <- res.StatusCode
	}()
	servertest.WaitFor(t, func() bool { return r.figure("belfry_http_requests_in_flight") == 1 })
	r.stop()
	servertest.WaitFor(t, func() bool { return r.draining.Load() })
	r.get("/readyz").Want(http.StatusServiceUnavailable)
	r.notify("u", "x")
	if got := <-answered; got != http.StatusOK {
		t.Errorf("got %d for the request under way, want 200", got)
	}
	for i, lines := range streams {
		bye := false
		for lines.Scan() {
			bye = bye || strings.Contains(lines.Text(), `{"reason":"drain"}`)
		}
		if !bye || lines.Err() != nil {
			t.Errorf("stream %d ended without bye: %v", i, lines.Err())
		}
	}
	err := <-r.done
	if err != nil {
		t.Errorf("got %v, want nil", err)
	}
	r.done <- err
	if _, err := slow.Get(r.url + "/healthz"); err == nil {
		t.Error("a drained server still accepts")
	}
}

// TestServeDrainsWithNotice has a load balancer see that the server drains
// while it still answers, on new connections too.
func TestServeDrainsWithNotice(t *testing.T) {
	t.Parallel()
	r := run(t, 20*time.Second, func(c *Config) { c.DrainNotice = 5 * time.Second })
	if got := fetch(t, client(t, false), r.url+"/readyz").StatusCode; got != http.StatusOK {
		t.Fatalf("got %d before, want 200", got)
	}
	r.stop()
	servertest.WaitFor(t, func() bool {
		res := fetch(t, client(t, false), r.url+"/readyz")
		body, err := io.ReadAll(res.Body)
		return err == nil && res.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(body), `"state":"draining"`)
	})
	if got := fetch(t, client(t, false), r.url+"/v1/users/u/unread").StatusCode; got != http.StatusOK {
		t.Errorf("got %d for a request that came during the notice, want 200", got)
	}
	lines := bufio.NewScanner(fetch(t, client(t, false), r.url+"/v1/users/u/stream").Body)
	begun, bye := false, false
	for lines.Scan() {
		begun = begun || lines.Text() == "event: unread"
		bye = bye || strings.Contains(lines.Text(), `{"reason":"drain"}`)
	}
	if !begun || !bye {
		t.Errorf("a stream that came during the notice: begun %t, told to go %t", begun, bye)
	}
}

// TestServeCutsOff has a request that does not finish: Serve ends all the same.
func TestServeCutsOff(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	r := run(t, 100*time.Millisecond, func(c *Config) {
		c.Pages = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(begun)
			<-end
		})
	})
	defer close(end)
	c := client(t, false)
	go func() {
		if res, err := c.Get(r.url + "/"); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-begun
	r.stop()
	select {
	case err := <-r.done:
		r.done <- err
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
	case <-time.After(3 * time.Minute):
		t.Fatal("Serve did not return")
	}
}

func TestServeWithoutAuthOnLoopbackOnly(t *testing.T) {
	ln, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	err = newAPI(t).Serve(t.Context(), ln, time.Second)
	if err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("got %v, want it refused", err)
	}
	if _, err := ln.Accept(); err == nil {
		t.Error("the listener is still open")
	}
}

func TestServeListenerFails(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := newAPI(t).Serve(t.Context(), ln, time.Second); err == nil {
		t.Error("got nil for a listener that does not accept")
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	f := servertest.NewTables()
	for name, c := range map[string]Config{
		"Rows":    {Items: f, Journal: f, Auth: auth.None()},
		"Items":   {Rows: f, Journal: f, Auth: auth.None()},
		"Journal": {Rows: f, Items: f, Auth: auth.None()},
		"Auth":    {Rows: f, Items: f, Journal: f},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want it to name %s", err, name)
		}
	}
}
