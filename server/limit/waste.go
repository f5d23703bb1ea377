package limit

import (
	"context"
	"crypto/tls"
	"math"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Work that comes to nothing is counted as time, which passes: what an address or a
// connection has wasted is paid for when as much time has gone by.
const (
	// refusalWaste is what a refused request stands for, and one that its client has
	// reset: a hundred a second are paid for as they come.
	refusalWaste = 10 * time.Millisecond
	// refusalBytes is how much of a refused request's header makes it one more: to read 24 KiB
	// and check a signature over them takes as long as ten small ones.
	refusalBytes = 4 << 10
	// frameWaste is what a frame of HTTP/2 stands for that brings no request.
	frameWaste = time.Millisecond
	// wasteBurst is how much may be unpaid: beyond, an address is slowed down and a
	// connection is ended.
	wasteBurst = 4 * time.Second
	// suspectWaste is how much of it makes a connection one of those that are slowed
	// down with their address, for suspicion.
	suspectWaste = wasteBurst / 40
	suspicion    = 10 * time.Second
	// slowPatience bounds the wait of one read, newPatience that of a new connection, which
	// waits once; and slowGap is the least: goroutines that have something to do come first.
	slowPatience = 5 * time.Second
	newPatience  = 2 * time.Second
	slowGap      = time.Millisecond
)

// unproven is the suspicion against a connection that has neither waited nor had an
// answer yet. Over HTTP/2 a client gives up one whose first frames are read too late, each
// with some reads: so it waits before the first of them, and then what comes of it counts.
const unproven = math.MaxInt64

// account is what a connection has wasted.
type account struct {
	due     atomic.Int64 // when all is paid for, in Unix nanoseconds
	suspect atomic.Int64 // until then, or unproven
	calmed  atomic.Bool  // it has been told to end
}

// add adds cost and returns what is unpaid.
func (a *account) add(cost time.Duration, now time.Time) time.Duration {
	for {
		before := a.due.Load()
		due := max(before, now.UnixNano()) + int64(cost)
		if a.due.CompareAndSwap(before, due) {
			return time.Duration(due - now.UnixNano())
		}
	}
}

// charge counts waste of the connection for it and its address, and reports whether it
// was so much that the connection is to end.
func (c *turnsConn) charge(cost time.Duration) (over bool) {
	now := time.Now()
	own := c.add(cost, now)
	if c.turns.waste.add(c.household(), cost, now) > wasteBurst || own > suspectWaste {
		c.suspect.Store(now.Add(suspicion).UnixNano())
	}
	return own > wasteBurst
}

// unbegunHeaders are more headers than an HTTP/2 connection has whose requests are yet to
// begin: a hundred requests with trailers.
const unbegunHeaders = 200

// asked counts headers that came over HTTP/2, and returns what those waste of which nothing
// begins: they are malformed or too long, and refused by net/http.
func (c *turnsConn) asked(headers int) (waste time.Duration) {
	if headers == 0 {
		return 0
	}
	return refusalWaste * time.Duration(min(max(c.begun.Add(int64(headers))-unbegunHeaders, 0), int64(headers)))
}

// begin tells that a request begins.
func (c *turnsConn) begin(r *http.Request) {
	if !c.served.Load() {
		c.served.Store(true)
	}
	for r.ProtoMajor >= 2 {
		// Its trailers are headers too.
		if before := c.begun.Load(); c.begun.CompareAndSwap(before, max(before-2, 0)) {
			return
		}
	}
}

// slow holds a read back while the address has more unpaid than it may, if the connection
// is under suspicion, and reports whether it has. The connections go one after the other.
func (c *turnsConn) slow() bool {
	until := c.suspect.Load()
	if until == 0 {
		return false
	}
	now := time.Now()
	if until <= now.UnixNano() {
		c.suspect.CompareAndSwap(until, 0)
		return false
	}
	name := c.household()
	if c.turns.waste.owed(name, now) <= wasteBurst {
		return false
	}
	c.turns.slowed.Inc()
	patience := slowPatience
	if until == unproven {
		patience = newPatience
		defer c.suspect.CompareAndSwap(unproven, 0)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c.wake.Store(&cancel)
	defer c.wake.Store(nil)
	if c.closed.Load() || c.crowd.slowed.Acquire(ctx, 1) != nil {
		return true
	}
	defer c.crowd.slowed.Release(1)
	wait := time.NewTimer(max(c.turns.waste.owed(name, time.Now())-wasteBurst, slowGap))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	return true
}

// household is whom the connection is counted for.
func (c *turnsConn) household() string { return householdOf(remoteOf(c.TCPConn)).String() }

// calm counts that the connection was told to end, once.
func (c *turnsConn) calm(why string) {
	if c.calmed.CompareAndSwap(false, true) {
		c.turns.calmed.WithLabelValues(why).Inc()
	}
}

// turnsOf returns the connection below conn that takes turns, nil if none does.
func turnsOf(conn net.Conn) *turnsConn {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	c, _ := conn.(*turnsConn)
	return c
}

// connectionKey is where the context of a request has its connection.
type connectionKey struct{}

// Context is for [http.Server.ConnContext]: [CloseAfterMany] and [Answered] know a request's
// connection by its context.
func (t *Turns) Context(ctx context.Context, conn net.Conn) context.Context {
	if c := turnsOf(conn); c != nil {
		return context.WithValue(ctx, connectionKey{}, c)
	}
	return ctx
}

// refused counts a request that is refused for what its caller is or has done: 401, 429,
// no memory for the answer. It reports whether so many of the same connection were that
// it is to be closed with the answer.
func refused(r *http.Request) (enough bool) {
	c, ok := r.Context().Value(connectionKey{}).(*turnsConn)
	if !ok || !c.charge(refusalWaste*time.Duration(1+headerBytes(r)/refusalBytes)) {
		return false
	}
	c.calm(calmedRefusals)
	return true
}

// CloseAfterMany counts a refused request, and has its connection end with the answer whose header
// h is if there were many of the same connection: 401, 403, 429, no memory for the answer.
func CloseAfterMany(r *http.Request, h http.Header) {
	if refused(r) {
		h.Set("Connection", "close")
	}
}

// headerBytes is about how much of a request has been read before its handler.
func headerBytes(r *http.Request) (n int) {
	n = len(r.RequestURI)
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value)
		}
	}
	return n
}

// Answered tells that a request was not refused: its connection is not a new one of
// somebody who is slowed down.
func Answered(ctx context.Context) {
	if c, ok := ctx.Value(connectionKey{}).(*turnsConn); ok && c.suspect.Load() == unproven {
		c.suspect.CompareAndSwap(unproven, 0)
	}
}
