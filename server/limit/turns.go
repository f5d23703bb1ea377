package limit

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/belfry/belfry/internal/breath"
	"github.com/belfry/belfry/internal/cpus"
)

const (
	// turnBytes is how much a connection brings in with one turn while others of
	// its address wait for theirs: some 30 requests over HTTP/2. A read with more
	// room than net/http's buffers is of a body, and is not cut.
	turnBytes   = 512
	bufferBytes = 4 << 10
	// turnPatience bounds the wait for a turn, whatever keeps it.
	turnPatience = time.Second
)

// Turns has the connections of one address bring in what they send a few at a time.
// Requests become work once they are read, over HTTP/2 a hundred a connection, and
// the scheduler has no notion of whose work it is: without turns everybody's next
// request would wait behind all that hundreds of connections of one address have sent.
// An address whose connections do not crowd each other notices nothing.
//
// An address that has more work done that comes to nothing than a few requests and
// frames a second is slowed down: those of its connections read at that pace that have a
// part in it, and new ones before their first read. So a flood costs little more when it
// comes over new connections. One connection with as much is ended. It is safe for
// concurrent use.
type Turns struct {
	shared         func(netip.Addr) bool
	addresses      *crowds[netip.Prefix]
	waste          *limiter // by household
	waited, slowed prometheus.Counter
	calmed         *prometheus.CounterVec
}

// Why a connection is ended, for metrics.
const (
	calmedFrames   = "frames"
	calmedRefusals = "refusals"
)

// NewTurns returns Turns that let as many connections of an address read at a time
// as there are processors. The addresses that shared reports stand for many, and have no
// bound. Its metrics go to reg.
func NewTurns(shared func(netip.Addr) bool, reg prometheus.Registerer) *Turns {
	f := promauto.With(reg)
	t := &Turns{
		shared: shared, addresses: newCrowds[netip.Prefix](int64(cpus.Count())), waste: newLimiter(maxSubjects, true),
		waited: f.NewCounter(prometheus.CounterOpts{
			Name: "belfry_reads_waited_total",
			Help: "Reads of connections that waited for others of the same address, which sent more than is worked off at once.",
		}),
		slowed: f.NewCounter(prometheus.CounterOpts{
			Name: "belfry_reads_slowed_total",
			Help: "Reads of connections that were held back, since most that their address sends comes to nothing: refused requests, resets, frames of HTTP/2 without a request.",
		}),
		calmed: f.NewCounterVec(prometheus.CounterOpts{
			Name: "belfry_connections_calmed_total",
			Help: "Connections that the server ended, by what too many came of over them: frames (of HTTP/2 that bring no request, resets among them) or refusals (requests answered 401 or 429, or without memory for the answer).",
		}, []string{"of"}),
	}
	for _, of := range []string{calmedFrames, calmedRefusals} {
		t.calmed.WithLabelValues(of)
	}
	return t
}

// Listener returns ln with the connections that it accepts in their turns. All are over
// TCP, or are left as they are.
func (t *Turns) Listener(ln net.Listener) net.Listener { return turnsListener{ln, t} }

type turnsListener struct {
	net.Listener
	turns *Turns
}

// Accept implements net.Listener.
func (l turnsListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	tcp, ok := conn.(*net.TCPConn)
	if err != nil || !ok || l.turns.shared(remoteOf(conn)) {
		return conn, err
	}
	c := &turnsConn{TCPConn: tcp, turns: l.turns, crowd: l.turns.addresses.join(householdOf(remoteOf(conn)))}
	c.suspect.Store(unproven)
	return c, nil
}

// turnsConn is a connection whose reads take turns with others of its address. A turn
// is from a read's return to the next call, or until a request begins: then all that it
// brought is at work.
type turnsConn struct {
	*net.TCPConn
	turns  *Turns
	crowd  *crowd
	rest   []byte // read, for the turns to come
	turn   atomic.Bool
	closed atomic.Bool

	account
	served atomic.Bool                        // a request has begun
	begun  atomic.Int64                       // headers over HTTP/2 whose requests have not begun
	wake   atomic.Pointer[context.CancelFunc] // ends a wait of slow; nil while there is none
	frames frames
	over   bool // it is to end
}

// Read implements net.Conn.
func (c *turnsConn) Read(p []byte) (n int, err error) {
	c.leave()
	if c.over {
		return 0, errCalm
	}
	if n = copy(p, c.rest); n == 0 {
		if n, err = c.TCPConn.Read(p); n == 0 {
			return n, err
		}
	} else {
		c.rest = c.rest[n:]
	}
	if c.take() && n > turnBytes && len(p) <= bufferBytes {
		c.rest = append(append([]byte(nil), p[turnBytes:n]...), c.rest...)
		n = turnBytes
	}
	c.over = c.follow(&c.frames, p[:n])
	return n, err
}

// Write implements net.Conn.
func (c *turnsConn) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	c.frames.Wrote(n)
	return n, err
}

// take waits for a turn and reports whether others wait as well.
func (c *turnsConn) take() (crowded bool) {
	slowed := c.slow()
	if c.crowd.TryAcquire(1) {
		c.hold()
		return slowed
	}
	c.turns.waited.Inc()
	ctx, cancel := context.WithTimeout(context.Background(), turnPatience)
	defer cancel()
	if c.crowd.Acquire(ctx, 1) == nil {
		c.hold()
	}
	if slowed {
		breath.Take() // others' work comes first, too
		return true
	}
	// The work that the turn before has brought stands in a processor's own queue: a
	// goroutine that yields comes behind it. Many who come at once, all from one address,
	// would open half as many streams a second with a pause for each.
	runtime.Gosched()
	c.crowd.pace.step()
	return true
}

func (c *turnsConn) hold() {
	c.turn.Store(true)
	if c.closed.Load() {
		c.leave()
	}
}

// leave ends the turn, if there is one.
func (c *turnsConn) leave() {
	if c.turn.CompareAndSwap(true, false) {
		c.crowd.Release(1)
	}
}

// Close implements net.Conn.
func (c *turnsConn) Close() error {
	err := c.TCPConn.Close()
	if c.closed.CompareAndSwap(false, true) {
		if !c.served.Load() { // a handshake, or what net/http answers itself
			c.charge(refusalWaste)
		}
		if wake := c.wake.Load(); wake != nil {
			(*wake)()
		}
		c.leave()
		c.turns.addresses.part(householdOf(remoteOf(c.TCPConn)))
	}
	return err
}
