package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/belfry/belfry/server/wire"
)

// outlet is where the bytes of a stream go. None of its methods waits for the
// client. Calls don't overlap, but for close.
type outlet interface {
	// put offers bytes. It takes what there is room for at once, or (later) all
	// of them, and then streams.wrote is called when they are written; nothing
	// more may be put before that. An error ends the outlet; it matches errGone
	// if the client ended it.
	put(b []byte) (n int, later bool, err error)
	// gone reports whether the client is known to have ended the connection.
	gone() bool
	// close ends the connection once what was put is written.
	close()
}

// takeOver takes the connection of r from the HTTP server, which would keep two
// goroutines and its buffers for it as long as the stream lasts. It returns nil
// if that cannot be, as on HTTP/2, where a connection carries other requests
// too. The beginning of the answer is then c's to write.
func (s *Hub) takeOver(w http.ResponseWriter, r *http.Request, c *connection) outlet {
	if r.ProtoMajor != 1 {
		return nil
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil
	}
	s.mu.Lock()
	s.hijacked++
	s.taken[c.address]++
	s.mu.Unlock()
	// An error shows at the first write as well.
	_ = conn.SetDeadline(time.Time{})
	h := w.Header()
	wire.SetStreamHeader(h)
	h.Set("Connection", "close")
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	status := "HTTP/1.0 200 OK\r\n"
	if c.chunked = r.ProtoAtLeast(1, 1); c.chunked {
		status = "HTTP/1.1 200 OK\r\n"
		h.Set("Transfer-Encoding", "chunked")
	}
	var head bytes.Buffer
	head.WriteString(status)
	_ = h.Write(&head) // a buffer takes everything
	head.WriteString("\r\n")
	c.unsent = &unsent{header: head.Bytes()}
	if out := newSocket(conn); out != nil {
		return out
	}
	return &taken{conn: conn, timeout: s.writeTimeout, helpers: &s.helpers, room: s.room(c.address), wrote: func(err error) { s.wrote(c, err) }}
}

// room is the memory of what an outlet was given and has not written yet. A client that reads
// nothing has it for as long as the outlet waits, however many streams it has.
type room struct{ hold Hold }

// freeBytes is what an outlet may have anyway: a badge, an item of some lines.
const freeBytes = 4 << 10

func (s *Hub) room(address netip.Addr) room {
	if s.config.Hold == nil {
		return room{}
	}
	return room{s.config.Hold(address)}
}

// take reports whether there is room for n bytes, which are had until leave is called.
func (r room) take(n int) bool {
	return r.hold == nil || n <= freeBytes || r.hold.Grow(int64(n)) == nil
}

func (r room) leave() {
	if r.hold != nil {
		r.hold.Release()
	}
}

// taken is a connection that can only be written to by waiting, such as one
// with TLS: it has a goroutine while it is written to.
type taken struct {
	conn    net.Conn
	timeout time.Duration
	helpers *sync.WaitGroup
	room    room
	wrote   func(error)
}

// closeTimeout is how long the end of a connection may take that says more than
// that it ends (RFC 8446 section 6.1).
const closeTimeout = time.Second

func (o *taken) put(b []byte) (n int, later bool, err error) {
	if !o.room.take(len(b)) {
		return 0, false, nil
	}
	b = bytes.Clone(b)
	o.helpers.Go(func() {
		err := o.conn.SetWriteDeadline(time.Now().Add(o.timeout))
		if err == nil {
			_, err = o.conn.Write(b)
		}
		o.room.leave()
		o.wrote(asGone(err))
	})
	return len(b), true, nil
}

func (o *taken) gone() bool {
	under, ok := o.conn.(interface{ NetConn() net.Conn })
	return ok && hungUp(under.NetConn())
}

func (o *taken) close() {
	o.helpers.Go(func() {
		// It is over, whatever comes of it.
		_ = o.conn.SetDeadline(time.Now().Add(closeTimeout))
		_ = o.conn.Close()
	})
}

// response is an outlet of which the HTTP server keeps the connection: the
// goroutine of the request writes to it.
type response struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	room    room
	wrote   func(error)
	work    chan []byte
	closed  chan struct{}
}

func newResponse(w http.ResponseWriter, timeout time.Duration, wrote func(error)) *response {
	return &response{
		w: w, control: http.NewResponseController(w), timeout: timeout, wrote: wrote,
		work: make(chan []byte, 1), closed: make(chan struct{}),
	}
}

func (o *response) put(b []byte) (n int, later bool, err error) {
	if !o.room.take(len(b)) {
		return 0, false, nil
	}
	o.work <- bytes.Clone(b)
	return len(b), true, nil
}

func (o *response) gone() bool { return false } // its context tells

func (o *response) close() { close(o.closed) }

// run writes what is put until the outlet is closed; gone is called when ctx
// ends before that.
func (o *response) run(ctx context.Context, gone func()) {
	defer o.room.leave() // of what was put and is not written any more
	hungUp := ctx.Done()
	for {
		select {
		case b := <-o.work:
			err := o.write(b)
			o.room.leave()
			if err != nil && ctx.Err() != nil {
				err = fmt.Errorf("%w: %w", errGone, err)
			}
			o.wrote(err)
		case <-hungUp:
			gone()
			hungUp = nil
		case <-o.closed:
			return
		}
	}
}

func (o *response) write(b []byte) error {
	err := o.deadline(time.Now().Add(o.timeout))
	if err == nil {
		_, err = o.w.Write(b)
	}
	if err == nil {
		err = o.control.Flush()
	}
	if err == nil {
		// A deadline that passes between two writes ends an HTTP/2 stream, and on
		// HTTP/1.1 would break what the connection is used for next.
		err = o.deadline(time.Time{})
	}
	return err
}

func (o *response) deadline(t time.Time) error {
	err := o.control.SetWriteDeadline(t)
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
