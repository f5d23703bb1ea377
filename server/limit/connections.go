package limit

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Bounds of connections. All are at least 1.
type Bounds struct {
	// Total is how many there may be in all, besides those that handlers have taken
	// over.
	Total int
	// Descriptors is how many there may be with those: each has a descriptor of
	// the process.
	Descriptors int
	// PerAddress is how many one address may have, of IPv6 one /64. SilentPerAddress
	// is how many of them may not have sent a whole request header yet, which
	// cost as much and may never do so.
	PerAddress, SilentPerAddress int
	// Shared reports the addresses that stand for many, those of proxies: only
	// Total and SilentPerAddress bound them.
	Shared func(netip.Addr) bool
	// Hijacked counts the connections that a handler has taken over and that are
	// still open, and those of an address (see [Household]).
	Hijacked func(address netip.Addr) (all, ofAddress int)
	// Reap ends those of them whose client has gone, which their handlers may not have
	// noticed yet.
	Reap func()
}

// Connections bounds the connections of a server. It sees them through
// [http.Server.ConnState] and so leaves them as they are. While there are as many as there
// may be, one of an address that has few takes the place of an idle one of the address that has
// the most. It is safe for concurrent use.
type Connections struct {
	bounds Bounds

	mu        sync.Mutex
	open      map[net.Conn]*tracked
	addresses map[netip.Prefix]addressCount
	nobody    time.Time // when last there was none to take the place of

	refused *prometheus.CounterVec
	evicted prometheus.Counter
}

type tracked struct {
	address      netip.Prefix
	silent, idle bool
}

// mayEnd reports a connection over which nothing is being answered.
func (t *tracked) mayEnd() bool { return t.idle || t.silent }

const (
	// evictPart is how much of all connections make room at a time, since it takes a look at
	// all to find them.
	evictPart = 64
	// evictPause is how long nobody is looked for after there was none.
	evictPause = 100 * time.Millisecond
)

// addressCount is how many connections an address has.
type addressCount struct{ open, silent int }

// Why a connection is refused, for metrics.
const (
	refusedTotal   = "total"
	refusedAddress = "address"
)

// NewConnections returns a limit with those bounds. Its metrics go to reg.
func NewConnections(bounds Bounds, reg prometheus.Registerer) *Connections {
	c := &Connections{bounds: bounds, open: map[net.Conn]*tracked{}, addresses: map[netip.Prefix]addressCount{}}
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "belfry_connections",
		Help: "Open connections, besides streams on HTTP/1.1 without TLS.",
	}, func() float64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return float64(len(c.open))
	})
	c.refused = f.NewCounterVec(prometheus.CounterOpts{
		Name: "belfry_connections_refused_total",
		Help: "Connections closed at once, by the limit that they were over: total, or address (too many of it, or too many of it that had not sent a request).",
	}, []string{"limit"})
	c.evicted = f.NewCounter(prometheus.CounterOpts{
		Name: "belfry_connections_evicted_total",
		Help: "Idle connections, of the address with the most, that were closed to make room for another address while there were as many as there may be.",
	})
	for _, limit := range []string{refusedTotal, refusedAddress} {
		c.refused.WithLabelValues(limit)
	}
	return c
}

// Track is for [http.Server.ConnState]. It closes a new connection that is one
// too many.
func (c *Connections) Track(conn net.Conn, state http.ConnState) {
	if f, ok := conn.(*framesConn); ok {
		conn = f.Conn // as which it came
	}
	if state == http.StateNew {
		if limit := c.admit(conn); limit != "" {
			c.refused.WithLabelValues(limit).Inc()
			// net/http finds it closed and forgets it.
			_ = conn.Close()
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.open[conn]
	if !ok { // it was refused, or has made room
		return
	}
	switch state {
	case http.StateActive:
		t.idle = false
		if t.silent { // its first request header is there, or its HTTP/2 preface
			t.silent = false
			c.count(t.address, 0, -1)
		}
	case http.StateIdle:
		t.idle = true
	case http.StateHijacked, http.StateClosed:
		c.forget(conn, t)
	}
}

// admit counts a new connection, or returns the limit that it is over.
func (c *Connections) admit(conn net.Conn) (limit string) {
	remote := remoteOf(conn)
	if limit = c.enter(conn, remote); limit == "" {
		return ""
	}
	if all, _ := c.bounds.Hijacked(Household(remote)); all > 0 {
		c.bounds.Reap()
	}
	if limit == refusedTotal {
		for _, idle := range c.idleOfMost(householdOf(remote)) {
			_ = idle.Close() // which is that of somebody who is not asking for anything
			c.evicted.Inc()
		}
	}
	return c.enter(conn, remote)
}

// enter counts a new connection of remote, or returns the limit that it is over, "" for none.
func (c *Connections) enter(conn net.Conn, remote netip.Addr) (limit string) {
	all, own := c.bounds.Hijacked(Household(remote)) // whose lock is another one's
	address := householdOf(remote)
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.addresses[address]
	switch {
	case len(c.open) >= c.bounds.Total, len(c.open)+all >= c.bounds.Descriptors:
		return refusedTotal
	case n.silent >= c.bounds.SilentPerAddress, n.open+own >= c.bounds.PerAddress && !c.bounds.Shared(remote):
		return refusedAddress
	}
	c.open[conn] = &tracked{address: address, silent: true}
	c.count(address, 1, 1)
	return ""
}

// idleOfMost forgets idle connections of the address that has the most connections, of those
// with idle ones, if that is more than the given one has, and returns them to be closed.
func (c *Connections) idleOfMost(than netip.Prefix) (idle []net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	own, largest := c.addresses[than].open, 0
	for _, n := range c.addresses {
		largest = max(largest, n.open)
	}
	if largest < own+2 || time.Since(c.nobody) < evictPause {
		return nil
	}
	var most netip.Prefix
	for _, t := range c.open {
		if t.mayEnd() && c.addresses[t.address].open > c.addresses[most].open && !c.bounds.Shared(t.address.Addr()) {
			most = t.address
		}
	}
	if !most.IsValid() {
		c.nobody = time.Now()
		return nil
	}
	room := min((c.addresses[most].open-own)/2, max(len(c.open)/evictPart, 1))
	for conn, t := range c.open {
		if len(idle) >= room {
			break
		}
		if t.address == most && t.mayEnd() {
			c.forget(conn, t)
			if secured, ok := conn.(*tls.Conn); ok {
				conn = secured.NetConn() // its own end would wait for the client
			}
			idle = append(idle, conn)
		}
	}
	return idle
}

// forget takes conn from those that are open, with c.mu held.
func (c *Connections) forget(conn net.Conn, t *tracked) {
	silent := 0
	if t.silent {
		silent = -1
	}
	c.count(t.address, -1, silent)
	delete(c.open, conn)
}

// count adds to how many connections address has.
func (c *Connections) count(address netip.Prefix, open, silent int) {
	n := c.addresses[address]
	n.open += open
	n.silent += silent
	if n.open <= 0 {
		delete(c.addresses, address)
		return
	}
	c.addresses[address] = n
}

// remoteOf returns the address of a connection's other end; for all that are not
// over TCP the same one.
func remoteOf(conn net.Conn) netip.Addr {
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok && tcp.AddrPort().IsValid() {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.IPv4Unspecified()
}

// Household returns whom an address is counted for: itself, or the first of the /64 of an
// IPv6 address.
func Household(addr netip.Addr) netip.Addr { return householdOf(addr).Addr() }

// householdOf returns whom an address is counted for: itself, or the /64 of an IPv6
// address, which one household has the whole of.
func householdOf(addr netip.Addr) netip.Prefix {
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	prefix, _ := addr.Prefix(bits)
	return prefix
}
