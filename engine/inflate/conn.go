package inflate

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Dialer connects to brokers for a consumer whose fetches it decompresses. It is
// the dialer of both clients, and encrypts by itself where TLS is not nil.
// It is safe for concurrent use.
type Dialer struct {
	TLS       *tls.Config   // nil: plain text
	Timeout   time.Duration // of a connection, its handshake included
	KeepAlive time.Duration // as net.Dialer has it

	budget *budget // nil: that of the process
}

// Dial connects as sarama asks for it.
func (d *Dialer) Dial(network, addr string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, addr)
}

// DialContext connects as franz-go asks for it.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: d.Timeout, KeepAlive: d.KeepAlive}
	if d.TLS == nil {
		c, err := plain.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return newConn(c, d.budget), nil
	}
	c, err := (&tls.Dialer{NetDialer: plain, Config: d.TLS}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return newConn(c, d.budget), nil
}

// A request and a response begin with the length of what follows. Then come in a request
// key, version and correlation id, in a response that id.
const (
	lengthBytes  = 4
	requestHead  = lengthBytes + 8
	responseHead = lengthBytes + 4
	maxFrame     = 100 << 20 // as both clients have it: beyond, they close the connection
)

// conn notes which requests are fetches, and rewrites the answers to them. It is
// read by one goroutine and written by one, as both clients do.
type conn struct {
	net.Conn

	mu      sync.Mutex
	fetches map[int32]int16 // by correlation id: the version
	share   *share          // of the answer that is being read, until its client keeps it
	closed  bool

	head []byte // of the request that is being written, up to requestHead
	rest int    // bytes of it behind the head that are still to come

	answer  pieces // what is still to be read of one that has begun
	pass    int    // bytes behind answer that are read as they are
	reading *share // of answer, nil for none

	begin    [responseHead]byte // of an answer
	body     buffer             // of one to a fetch
	rewriter rewriter
}

func newConn(c net.Conn, of *budget) *conn {
	if of == nil {
		of = ofProcess()
	}
	return &conn{Conn: c, fetches: map[int32]int16{}, rewriter: rewriter{budget: of}}
}

// Close implements net.Conn. An answer that was not read holds nothing any more.
func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	if s := c.letGo(); s != nil {
		s.release()
	}
	return c.Conn.Close()
}

// hold has the connection hold the share of an answer that begins, if it has one.
func (c *conn) hold(s *share) {
	c.reading = s
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed && s != nil {
		s.release()
		s = nil
	}
	c.share = s
}

// letGo returns what the connection holds, which it does not any more.
func (c *conn) letGo() *share {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.share
	c.share = nil
	return s
}

// Write implements net.Conn. A fetch is noted before it is sent.
func (c *conn) Write(p []byte) (int, error) {
	c.note(p)
	return c.Conn.Write(p)
}

func (c *conn) note(p []byte) {
	for len(p) > 0 {
		if c.rest > 0 {
			n := min(c.rest, len(p))
			c.rest, p = c.rest-n, p[n:]
			continue
		}
		n := min(requestHead-len(c.head), len(p))
		c.head, p = append(c.head, p[:n]...), p[n:]
		if len(c.head) < requestHead {
			return
		}
		c.rest = int(binary.BigEndian.Uint32(c.head)) + lengthBytes - requestHead
		if int16(binary.BigEndian.Uint16(c.head[4:])) == int16(kmsg.Fetch) {
			c.mu.Lock()
			c.fetches[int32(binary.BigEndian.Uint32(c.head[8:]))] = int16(binary.BigEndian.Uint16(c.head[6:]))
			c.mu.Unlock()
		}
		c.head = c.head[:0]
	}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if c.answer.size == 0 && c.pass == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	if c.answer.size > 0 {
		if c.reading != nil && len(p) >= c.answer.size && c.answer.size > keptAnyway {
			if s := c.letGo(); s != nil {
				s.keep(p) // it is for the rest of the answer, so no buffer that is used again
			}
		}
		n := c.answer.read(p[:min(copyAtOnce, len(p))])
		if c.answer.size == 0 {
			c.wasRead()
		}
		return n, nil
	}
	n, err := c.Conn.Read(p[:min(len(p), c.pass)])
	c.pass -= n
	return n, err
}

// next reads the beginning of an answer, and all of one to a fetch.
func (c *conn) next() error {
	if _, err := io.ReadFull(c.Conn, c.begin[:]); err != nil {
		return err
	}
	size, id := int(binary.BigEndian.Uint32(c.begin[:]))-(responseHead-lengthBytes), int32(binary.BigEndian.Uint32(c.begin[lengthBytes:]))
	c.mu.Lock()
	version, fetch := c.fetches[id]
	delete(c.fetches, id)
	c.mu.Unlock()
	c.answer.reset()
	c.answer.add(c.begin[:])
	if !fetch || size <= 0 || size > maxFrame {
		c.pass = max(size, 0)
		return nil
	}
	c.body.reset(size)
	c.body = c.body[:size]
	if _, err := io.ReadFull(c.Conn, c.body); err != nil {
		c.answer.reset()
		return err
	}
	c.hold(c.rewriter.rewrite(&c.answer, version, c.body))
	binary.BigEndian.PutUint32(c.begin[:], uint32(c.answer.size-lengthBytes))
	return nil
}

// wasRead ends an answer. Its buffers are kept for the next one while there is room.
func (c *conn) wasRead() {
	if c.reading == nil {
		return
	}
	c.reading.shrink()
	if s := c.letGo(); s != nil {
		s.release() // it was read in pieces: nobody knows where it is
	}
	c.reading = nil
	if c.rewriter.budget.scarce() {
		c.answer, c.body, c.rewriter.batches = pieces{}, nil, nil
	}
}
