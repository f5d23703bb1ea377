package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/listen"
	"github.com/belfry/belfry/server/wire"
)

// withTLS gives a server a certificate of its own.
func withTLS(t *testing.T) func(*Config) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	servertest.WritePair(t, certFile, keyFile, "a")
	certificate, err := listen.LoadCertificate(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Certificate = certificate }
}

// overTLS is a connection over HTTP/2 on which nothing was sent yet.
func overTLS(t *testing.T, conn net.Conn) net.Conn {
	t.Helper()
	over := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{http2.NextProtoTLS}})
	if err := over.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	return over
}

// TestFloodsOfFramesAreCalmed holds that a connection whose client sends frames that bring
// no request, or resets what it asks for, is ended: however well it reads the answers.
func TestFloodsOfFramesAreCalmed(t *testing.T) {
	t.Parallel()
	for name, encrypted := range map[string]bool{"h2c": false, "TLS": true} {
		for flood, send := range map[string]func(*slowReader) error{
			"PING": func(c *slowReader) error { return c.framer.WritePing(false, [8]byte{1}) },
			"resets": func(c *slowReader) error {
				if err := c.request("/healthz"); err != nil {
					return err
				}
				return c.framer.WriteRSTStream(c.next-2, http2.ErrCodeCancel)
			},
			"headers that are malformed": func(c *slowReader) error {
				var block bytes.Buffer
				field := hpack.HeaderField{Name: "Not A Name", Value: "x"}
				if err := hpack.NewEncoder(&block).WriteField(field); err != nil {
					return err
				}
				c.next += 2
				return c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: c.next - 2, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
			},
		} {
			t.Run(name+" "+flood, func(t *testing.T) {
				var edit []func(*Config)
				if encrypted {
					edit = append(edit, withTLS(t))
				}
				r := run(t, 10*time.Second, edit...)
				conn, err := r.dial(t, "127.0.0.2")
				if err != nil {
					t.Fatal(err)
				}
				if encrypted {
					conn = overTLS(t, conn)
				}
				if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
					t.Fatal(err)
				}
				out := bufio.NewWriter(conn)
				f := &slowReader{t: t, conn: conn, framer: http2.NewFramer(out, conn), next: 1}
				if err := f.framer.WriteSettings(); err != nil {
					t.Fatal(err)
				}
				ended := make(chan http2.ErrCode, 1)
				go func() {
					code := http2.ErrCodeNo
					for {
						frame, err := f.framer.ReadFrame()
						var stream http2.StreamError
						if err != nil && !errors.As(err, &stream) {
							break
						}
						if away, ok := frame.(*http2.GoAwayFrame); ok {
							code = away.ErrCode
						}
					}
					ended <- code
				}()
				// As many as it takes: a slow machine has some of them forgiven meanwhile.
				for began := time.Now(); send(f) == nil; {
					if time.Since(began) > time.Minute {
						_ = conn.Close()
					}
				}
				if code := <-ended; code != http2.ErrCodeEnhanceYourCalm {
					t.Errorf("got GOAWAY with %s, want %s", code, http2.ErrCodeEnhanceYourCalm)
				}
				if n := r.figure("belfry_connections_calmed_total"); n != 1 {
					t.Errorf("%v connections are counted, want 1", n)
				}
			})
		}
	}
}

// TestManyRefusalsCloseTheConnection holds that who is refused over and over pays a new
// connection now and then, and that others of the same address are answered meanwhile.
func TestManyRefusalsCloseTheConnection(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		h2     bool
		path   string
		status int
	}{
		"HTTP/1.1":        {false, "/v1/users/u/unread", http.StatusUnauthorized},
		"h2c":             {true, "/v1/users/u/unread", http.StatusUnauthorized},
		"no such path":    {false, "/v1/nothing", http.StatusNotFound},
		"no such method":  {false, "/v1/retractions", http.StatusMethodNotAllowed},
		"no path so long": {true, "/v1/" + strings.Repeat("a", maxPath), http.StatusRequestURITooLong},
		"no such query":   {false, "/healthz?" + strings.Repeat("a&", maxParameters), http.StatusRequestURITooLong},
		"forbidden":       {false, "/v1/lag", http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, 10*time.Second, withJWT(t))
			// ask keeps the connection, since it reads the answer.
			ask := func(c *http.Client, path string, want int) {
				t.Helper()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if want == http.StatusForbidden {
					req.Header.Set("Authorization", "Bearer "+mint(t, "u"))
				}
				res, err := c.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != want {
					t.Fatalf("got %d for %s, %v, want %d", res.StatusCode, path, err, want)
				}
			}
			beside, refused := client(t, false), client(t, tt.h2)
			ask(beside, "/healthz", http.StatusOK)
			// As many as it takes: a slow machine has some of them forgiven meanwhile.
			closed, slowed := 0.0, 0.0
			for began := time.Now(); (closed == 0 || slowed == 0) && time.Since(began) < time.Minute; {
				for range 50 {
					ask(refused, tt.path, tt.status)
				}
				closed, slowed = r.figure("belfry_connections_calmed_total"), r.figure("belfry_reads_slowed_total")
			}
			if closed != 1 {
				t.Errorf("%v connections were closed, want 1", closed)
			}
			// Until it has gone, the server reads on from who was refused.
			refused.CloseIdleConnections()
			servertest.WaitFor(t, func() bool { return r.figure("belfry_connections") == 1 })
			before := r.figure("belfry_reads_slowed_total")
			ask(beside, "/healthz", http.StatusOK)
			if n := r.figure("belfry_reads_slowed_total"); n != before || n == 0 {
				t.Errorf("%v reads were slowed down, %v once somebody else had asked: want some, and none of his", before, n)
			}
		})
	}
}

// TestConnectionsOverTLSAreNotSilent has more connections over HTTP/2 and TLS that have
// been spoken on than may be silent.
func TestConnectionsOverTLSAreNotSilent(t *testing.T) {
	t.Parallel()
	r := run(t, 10*time.Second, withTLS(t), func(c *Config) { c.Limits.SilentPerAddress = 2 })
	for range 4 {
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
		t.Cleanup(transport.CloseIdleConnections)
		res := fetch(t, &http.Client{Transport: transport}, "https"+strings.TrimPrefix(r.url, "http")+"/healthz")
		if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
			t.Fatalf("got %d over %s", res.StatusCode, res.Proto)
		}
	}
}

// heldJournal takes nothing until it is released.
type heldJournal struct {
	Journal
	released chan struct{}
	mu       sync.Mutex
	asked    []time.Time
}

func (j *heldJournal) Append(ctx context.Context, records ...inbox.Addressed) ([]inbox.Position, error) {
	j.mu.Lock()
	j.asked = append(j.asked, time.Now())
	j.mu.Unlock()
	<-j.released
	return j.Journal.Append(ctx, records...)
}

// TestRequestsOfOneAddressBeginAFewAtATime holds that those which are at work are paced,
// and that streams and those who wait for a version are none of them. In the bubble time
// passes for breaths alone.
func TestRequestsOfOneAddressBeginAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		journal := &heldJournal{released: make(chan struct{})}
		a := newAPI(t, func(c *Config) { journal.Journal, c.Journal = c.Journal, journal })
		const asked = 1000
		var all sync.WaitGroup
		poll := func() time.Duration {
			began := time.Now()
			for range asked {
				a.get("/v1/users/a/unread").Want(http.StatusOK)
			}
			return time.Since(began)
		}

		waiting, end := context.WithCancel(t.Context())
		for i := range asked {
			path := fmt.Sprintf("/v1/users/u%d/unread?min_version=1", i)
			if i%2 == 0 {
				path = fmt.Sprintf("/v1/users/u%d/stream", i)
			}
			all.Go(func() {
				r := httptest.NewRequestWithContext(waiting, http.MethodGet, path, nil)
				r.Host, r.ProtoMajor = "localhost", 2 // a stream of HTTP/1.1 is no request any more
				a.Handler().ServeHTTP(httptest.NewRecorder(), r)
			})
		}
		time.Sleep(wire.MaxWait / 2) // all wait, for their turn to begin as well
		if took := poll(); took != 0 {
			t.Errorf("polls beside %d requests that wait took %s", asked, took)
		}
		end()
		all.Wait()

		began := time.Now()
		for range asked {
			all.Go(func() { a.call("POST", "/v1/notifications", `{"recipient":"a","title":"x"}`).Want(http.StatusAccepted) })
		}
		time.Sleep(time.Second)
		journal.mu.Lock()
		n, last := len(journal.asked), slices.MaxFunc(journal.asked, time.Time.Compare)
		journal.mu.Unlock()
		if n != asked || last.Equal(began) {
			t.Errorf("%d requests of one address began within %s", n, last.Sub(began))
		}
		if poll() == 0 {
			t.Errorf("polls beside %d requests at work were not paced", asked)
		}
		close(journal.released)
		all.Wait()
		time.Sleep(time.Second)
		if took := poll(); took != 0 {
			t.Errorf("polls beside none took %s", took)
		}
	})
}

// busy is work in as many pieces as a page has items, some 5 ms of it. With the first a
// byte comes over the network.
type busy struct {
	conn    net.Conn
	noticed chan struct{} // closed once the byte is read
	pieces  int
	inTime  bool // it was before the last piece
}

func newBusy(t *testing.T) *busy {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	here, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close() })
	there, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { there.Close() })
	b := &busy{conn: here, noticed: make(chan struct{})}
	go func() {
		_, _ = there.Read(make([]byte, 1))
		close(b.noticed)
	}()
	return b
}

func (b *busy) piece() error {
	if b.pieces++; b.pieces == 1 {
		if _, err := b.conn.Write([]byte("x")); err != nil {
			return err
		}
	}
	for began := time.Now(); time.Since(began) < 50*time.Microsecond; {
		continue
	}
	if b.pieces == maxPage {
		select {
		case <-b.noticed:
			b.inTime = true
		default:
		}
	}
	return nil
}

// busyItems are work.
type busyItems struct {
	Items
	*busy
}

func (b busyItems) Item(user string, seq uint64) (inbox.Item, bool, error) {
	if err := b.piece(); err != nil {
		return inbox.Item{}, false, err
	}
	return b.Items.Item(user, seq)
}

// TestAListLetsOthersIn holds that what comes over the network while a list is put
// together is noticed before its end where there is one processor.
func TestAListLetsOthersIn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	items := newBusy(t)
	a := newAPI(t, func(c *Config) { c.Items = busyItems{c.Items, items} })
	titles := make([]string, maxPage)
	for i := range titles {
		titles[i] = fmt.Sprint("x", i)
	}
	a.notify("u", titles...)
	a.get("/v1/users/u/inbox?limit=100").Want(http.StatusOK)
	if items.pieces != maxPage || !items.inTime {
		t.Errorf("a list of %d items and 5 ms was put together before the processor looked at the network", items.pieces)
	}
}

// TestALargeCallLetsOthersIn holds the same of a call that is read.
func TestALargeCallLetsOthersIn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	b := newBusy(t)
	body := "[" + strings.Repeat(`{"recipient":"u","title":"x"},`, maxPage-1) + `{"recipient":"u","title":"x"}]`
	_, err := parseMessages(http.Header{"Content-Type": {"application/json"}}, []byte(body), belfry.Notification{}, func(data []byte, defaults belfry.Notification) (belfry.Message, error) {
		if err := b.piece(); err != nil {
			return belfry.Message{}, err
		}
		return belfry.ParseNotification(data, defaults)
	})
	if err != nil || b.pieces != maxPage || !b.inTime {
		t.Errorf("a call of %d events and 5 ms was read before the processor looked at the network: %v", b.pieces, err)
	}
}

// TestBodiesThatNobodyReadKeepNoTurn has as many streams with a body as there are turns,
// which nobody reads: other connections of the address come in all the same.
func TestBodiesThatNobodyReadKeepNoTurn(t *testing.T) {
	t.Parallel()
	r := run(t, 10*time.Second)
	for range 2 * runtime.GOMAXPROCS(0) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, "GET /v1/users/u/stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
			t.Fatalf("got %q, %v", line, err)
		}
	}
	const asked = 4
	transport := &http.Transport{DisableKeepAlives: true}
	for range asked {
		if res := fetch(t, &http.Client{Transport: transport}, r.url+"/healthz"); res.StatusCode != http.StatusOK {
			t.Fatalf("got %d", res.StatusCode)
		}
	}
	if n := r.figure("belfry_reads_waited_total"); n >= asked {
		t.Errorf("%v reads of %d connections waited for a turn", n, asked)
	}
}
