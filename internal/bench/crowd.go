package bench

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/internal/bench/client"
)

const (
	// openTimeout bounds the opening of one stream.
	openTimeout = 30 * time.Second
	// openers is how many streams are opened at a time.
	openers = 32
	// perSource is how many connections come from one address of this machine:
	// it has 28,000 ports for each.
	perSource = 10_000
)

// crowd holds streams of one server open and takes down when badges come. A
// stream takes it a goroutine and 1 KiB. Its methods are for one goroutine.
type crowd struct {
	server *url.URL
	http2  bool // over few connections; else HTTP/1.1 with one each
	held   []*heldStream

	client  *http.Client // of HTTP/2
	reading sync.WaitGroup
}

// heldStream is one stream of a crowd.
type heldStream struct {
	user string
	end  func() error
	body io.Reader
	head bool // body begins with the head of the answer

	begun  chan struct{} // closed with the first byte of the stream
	closed chan struct{} // closed when it has ended

	mu   sync.Mutex
	seen []arrival // by rising version
	err  error     // why it ended
}

// arrival is a badge that has come.
type arrival struct {
	version uint64
	at      time.Time
}

func newCrowd(server string, http2 bool) (*crowd, error) {
	at, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("server of a benchmark: %w", err)
	}
	c := &crowd{server: at, http2: http2}
	if http2 {
		var protocols http.Protocols
		protocols.SetHTTP2(at.Scheme == "https")
		protocols.SetUnencryptedHTTP2(at.Scheme == "http")
		c.client = &http.Client{Transport: &http.Transport{Protocols: &protocols, TLSClientConfig: anyCertificate(), DisableCompression: true}}
	}
	return c, nil
}

// anyCertificate is for a server of our own, whose certificate was made for it a
// moment ago.
func anyCertificate() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// open opens a stream for each of the users and returns when all have begun, or
// with the first error.
func (c *crowd) open(ctx context.Context, users []string) error {
	first := len(c.held)
	c.held = append(c.held, make([]*heldStream, len(users))...)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(openers)
	for i, user := range users {
		g.Go(func() error {
			h, err := c.dial(ctx, first+i, user)
			if err != nil {
				return fmt.Errorf("open stream %d: %w", first+i+1, err)
			}
			c.held[first+i] = h
			c.reading.Go(h.read)
			select {
			case <-h.begun:
				return nil
			case <-h.closed:
				return fmt.Errorf("stream %d ended at once: %w", first+i+1, h.why())
			case <-time.After(openTimeout):
				return fmt.Errorf("stream %d has not begun after %s", first+i+1, openTimeout)
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}
	err := g.Wait()
	c.held = slices.DeleteFunc(c.held, func(h *heldStream) bool { return h == nil })
	return err
}

func (c *crowd) dial(ctx context.Context, i int, user string) (*heldStream, error) {
	h := &heldStream{user: user, begun: make(chan struct{}), closed: make(chan struct{})}
	path := "/v1/users/" + url.PathEscape(user) + "/stream"
	if c.http2 {
		// The request must outlive the opening.
		ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server.JoinPath(path).String(), nil)
		if err != nil {
			cancel()
			return nil, err
		}
		response, err := c.client.Do(request)
		if err != nil {
			cancel()
			return nil, err
		}
		h.body = response.Body
		h.end = func() error { cancel(); return response.Body.Close() }
		if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 {
			return nil, errors.Join(fmt.Errorf("%w: %s %s", client.ErrAnswer, response.Proto, response.Status), h.end())
		}
		return h, nil
	}
	dialer := net.Dialer{Timeout: openTimeout}
	if i >= perSource {
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i/perSource))}
	}
	conn, err := dialer.DialContext(ctx, "tcp", c.server.Host)
	if err != nil {
		return nil, err
	}
	if c.server.Scheme == "https" {
		conn = tls.Client(conn, anyCertificate())
	}
	h.head, h.body, h.end = true, conn, conn.Close
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", path, c.server.Host)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return h, nil
}

// read reads the stream until it ends.
func (h *heldStream) read() {
	defer close(h.closed)
	f := client.Frames{Head: h.head}
	buf := make([]byte, 1024)
	begun := false
	for {
		n, err := h.body.Read(buf)
		if n > 0 {
			at := time.Now()
			started, feedErr := f.Feed(buf[:n], func(version uint64) { h.arrive(version, at) })
			if started && !begun {
				begun = true
				close(h.begun)
			}
			err = errors.Join(feedErr, err)
			if f.Over && err == nil {
				err = io.EOF // the connection would be kept for another request
			}
		}
		if err != nil {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.err = err
			return
		}
	}
}

func (h *heldStream) arrive(version uint64, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.seen); n == 0 || h.seen[n-1].version < version {
		h.seen = append(h.seen, arrival{version, at})
	}
}

func (h *heldStream) why() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// newest is the version of the newest badge that has come.
func (h *heldStream) newest() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.seen) == 0 {
		return 0
	}
	return h.seen[len(h.seen)-1].version
}

// forget drops what has come so far, but for the newest.
func (h *heldStream) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.seen); n > 1 {
		h.seen = slices.Clone(h.seen[n-1:])
	}
}

// reached returns when a badge of at least that version came, and false if none
// has.
func (h *heldStream) reached(version uint64) (time.Time, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, _ := slices.BinarySearchFunc(h.seen, version, func(a arrival, version uint64) int {
		switch {
		case a.version < version:
			return -1
		case a.version > version:
			return 1
		}
		return 0
	})
	if i == len(h.seen) {
		return time.Time{}, false
	}
	return h.seen[i].at, true
}

// heard returns when the newest badge came, and false if none has.
func (h *heldStream) heard() (time.Time, bool) { return h.reached(h.newest()) }

// over reports whether the stream has ended.
func (h *heldStream) over() bool {
	select {
	case <-h.closed:
		return true
	default:
		return false
	}
}

// ended is how many streams have ended that were not to.
func (c *crowd) ended() int {
	n := 0
	for _, h := range c.held {
		if h.over() {
			n++
		}
	}
	return n
}

// firstEnd is why the first of those has ended.
func (c *crowd) firstEnd() error {
	for _, h := range c.held {
		if err := h.why(); err != nil {
			return err
		}
	}
	return nil
}

// keep closes all streams but the first n.
func (c *crowd) keep(n int) {
	for _, h := range c.held[min(n, len(c.held)):] {
		_ = h.end() // it goes away either way
		<-h.closed
	}
	c.held = c.held[:min(n, len(c.held))]
}

// close ends all streams and waits for what reads them.
func (c *crowd) close() {
	c.keep(0)
	c.reading.Wait()
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
}
