package webpush

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a resolver that answers the n-th question for an IPv4 address by answer, and those
// for an IPv6 address by answer(-1).
func names(t *testing.T, answer func(n int) string) *net.Resolver {
	t.Helper()
	var asked atomic.Int32
	reply := func(question []byte) ([]byte, error) {
		var m dnsmessage.Message
		if err := m.Unpack(question); err != nil {
			return nil, err
		}
		q := m.Questions[0]
		out := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
		head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch q.Type {
		case dnsmessage.TypeA:
			if addr := netip.MustParseAddr(answer(int(asked.Add(1) - 1))); addr.Is4() {
				out.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: addr.As4()}}}
			}
		case dnsmessage.TypeAAAA:
			if addr := netip.MustParseAddr(answer(-1)); addr.Is6() {
				out.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}}
			}
		}
		return out.Pack()
	}
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			for {
				var size [2]byte
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				question := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, question); err != nil {
					return
				}
				answer, err := reply(question)
				if err != nil {
					return
				}
				if _, err := server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}

func subscribed(t *testing.T, endpoint string) *Subscription {
	t.Helper()
	to, err := NewSubscription(endpoint, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", base64.RawURLEncoding.EncodeToString(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func client(t *testing.T, cfg Config, hosts ...string) *Client {
	t.Helper()
	var err error
	if cfg.Hosts, err = NewHosts(hosts...); err != nil {
		t.Fatal(err)
	}
	if cfg.Keys, err = GenerateKeys(); err != nil {
		t.Fatal(err)
	}
	cfg.Subject = "mailto:ops@example.com"
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// listen counts who connects to an address of this machine.
func listen(t *testing.T, address string) (ln net.Listener, connections *atomic.Int32) {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	connections = &atomic.Int32{}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close() })
	return ln, connections
}

// TestNamesOfAddressesThatAreNotPublic has names of allowed hosts lead where nothing is
// sent to.
func TestNamesOfAddressesThatAreNotPublic(t *testing.T) {
	ln, connections := listen(t, "127.0.0.1:0")
	port := ln.Addr().(*net.TCPAddr).Port
	for _, address := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1", "fd00:ec2::254", "64:ff9b::7f00:1"} {
		c := client(t, Config{Resolver: names(t, func(int) string { return address })}, fmt.Sprintf("push.example.com:%d", port))
		_, err := c.Push(t.Context(), subscribed(t, fmt.Sprintf("https://push.example.com:%d/secret", port)), Message{Payload: []byte("x")})
		if !errors.Is(err, ErrForbidden) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("%d connections to this machine", n)
	}
}

// TestNameThatResolvesDifferently has a name lead to a public address first and then to
// one that is not: what is judged is what is connected to.
func TestNameThatResolvesDifferently(t *testing.T) {
	const public, private = "127.0.0.2", "127.0.0.1" // as far as this test goes
	ln, err := net.Listen("tcp", public+":0")
	if err != nil {
		t.Skipf("no second loopback address: %v", err)
	}
	served := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) }))
	_ = served.Listener.Close()
	served.Listener = ln
	served.StartTLS()
	defer served.Close()
	port := ln.Addr().(*net.TCPAddr).Port
	_, connections := listen(t, fmt.Sprintf("%s:%d", private, port))
	roots := x509.NewCertPool()
	roots.AddCert(served.Certificate())
	c := client(t, Config{
		TLS: &tls.Config{RootCAs: roots},
		Resolver: names(t, func(n int) string {
			if n == 0 {
				return public
			}
			return private
		}),
		judge: func(a netip.Addr) error {
			if a.String() == public {
				return nil
			}
			return checkPublic(a)
		},
	}, fmt.Sprintf("example.com:%d", port))
	to := subscribed(t, fmt.Sprintf("https://example.com:%d/secret", port))
	if answer, err := c.Push(t.Context(), to, Message{}); err != nil || answer.Status != http.StatusCreated {
		t.Fatalf("got %+v, %v", answer, err)
	}
	c.Close()
	if answer, err := c.Push(t.Context(), to, Message{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("got %+v, %v", answer, err)
	}
	if connections.Load() != 0 {
		t.Error("it connected to the address that is not public")
	}
}

// TestHostsOutsideTheList looks no name up and connects to nothing.
func TestHostsOutsideTheList(t *testing.T) {
	c := client(t, Config{Resolver: names(t, func(int) string {
		t.Error("the name of a host that is not allowed is looked up")
		return "127.0.0.1"
	})})
	for _, endpoint := range []string{"https://evil.example/secret", "https://fcm.googleapis.com:22/secret", "http://fcm.googleapis.com/secret", "https://127.0.0.1/secret", "https://[::1]/secret"} {
		_, err := c.Push(t.Context(), subscribed(t, endpoint), Message{})
		if !errors.Is(err, ErrForbidden) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// local is a service on this machine and a client that may send to it.
func local(t *testing.T, serve http.HandlerFunc) (*Client, *Subscription) {
	t.Helper()
	s := httptest.NewServer(serve)
	t.Cleanup(s.Close)
	return client(t, Config{}, s.URL), subscribed(t, s.URL+"/secret")
}

func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere, connections := listen(t, "127.0.0.1:0")
	for _, status := range []int{301, 302, 303, 307, 308} {
		c, to := local(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+elsewhere.Addr().String(), status)
		})
		if answer, err := c.Push(t.Context(), to, Message{}); err != nil || answer.Status != status {
			t.Errorf("got %+v, %v, want %d", answer, err, status)
		}
	}
	if connections.Load() != 0 {
		t.Error("it was followed")
	}
}

func TestAnswersAreBounded(t *testing.T) {
	var wrote atomic.Int64
	c, to := local(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		for range 64 << 10 {
			n, err := w.Write(make([]byte, 4<<10))
			wrote.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	if answer, err := c.Push(t.Context(), to, Message{}); err != nil || answer.Status != http.StatusCreated {
		t.Errorf("a huge answer: %+v, %v", answer, err)
	}
	if n := wrote.Load(); n >= 64<<20 {
		t.Errorf("%d bytes of it were read", n)
	}
	c, to = local(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	if answer, err := c.Push(t.Context(), to, Message{}); err != nil || answer.Status != http.StatusCreated {
		t.Errorf("an answer that does not end: %+v, %v", answer, err)
	}
	// All of the message went out: such an answer is one that did not come.
	c, to = local(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Long", strings.Repeat("x", 1<<20)) })
	if answer, err := c.Push(t.Context(), to, Message{}); err != nil || answer.Status != 0 {
		t.Errorf("a huge head: %+v, %v", answer, err)
	}
}

func TestSilenceIsNoError(t *testing.T) {
	asked := make(chan struct{}, 1)
	c, to := local(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		asked <- struct{}{}
		<-r.Context().Done()
	})
	ctx, end := context.WithCancel(t.Context())
	go func() {
		<-asked
		end()
	}()
	if answer, err := c.Push(ctx, to, Message{Payload: []byte("x")}); err != nil || answer.Status != 0 {
		t.Errorf("got %+v, %v, want what counts as sent", answer, err)
	}
	// Nothing went out.
	closed, _ := listen(t, "127.0.0.1:0")
	_ = closed.Close()
	c = client(t, Config{}, "http://"+closed.Addr().String())
	_, err := c.Push(t.Context(), subscribed(t, "http://"+closed.Addr().String()+"/secret"), Message{})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("nobody is there: %v", err)
	}
}

func TestErrorDoesNotQuoteTheEndpoint(t *testing.T) {
	err := withoutEndpoint(&url.Error{Op: "Post", URL: "https://push.example.com/secret", Err: errors.New(`malformed HTTP response "/secret"`)}, subscribed(t, "https://push.example.com/secret").url)
	if strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "-5": 0, "1.5": 0, "soon": 0, "99999999999": 0, "2000000000": maxRetryAfter,
		"Sun, 29 Nov 2026 12:01:00 GMT": time.Minute, "Sun, 29 Nov 2026 11:00:00 GMT": 0, "Mon, 29 Nov 2027 12:00:00 GMT": maxRetryAfter,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
