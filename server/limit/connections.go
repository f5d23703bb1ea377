package limit

import (
	"net"
	"net/http"
	"net/netip"
	"sync"

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
	// still open.
	Hijacked func() int
}

// Connections bounds the connections of a server. It sees them through
// [http.Server.ConnState] and so leaves them as they are. It is safe for
// concurrent use.
type Connections struct {
	bounds Bounds

	mu        sync.Mutex
	open      map[net.Conn]tracked
	addresses map[netip.Prefix]addressCount

	refused *prometheus.CounterVec
}

type tracked struct {
	address netip.Prefix
	silent  bool
}

// addressCount is how many connections an address has.
type addressCount struct{ open, silent int }

// Why a connection is refused, for metrics.
const (
	refusedTotal   = "total"
	refusedAddress = "address"
)

// NewConnections returns a limit with those bounds. Its metrics go to reg.
func NewConnections(bounds Bounds, reg prometheus.Registerer) *Connections {
	c := &Connections{bounds: bounds, open: map[net.Conn]tracked{}, addresses: map[netip.Prefix]addressCount{}}
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
	hijacked := 0
	if state == http.StateNew {
		hijacked = c.bounds.Hijacked() // its lock is another one's
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		remote := remoteOf(conn)
		address := householdOf(remote)
		if limit := c.over(remote, hijacked); limit != "" {
			c.refused.WithLabelValues(limit).Inc()
			// net/http finds it closed and forgets it.
			_ = conn.Close()
			return
		}
		c.open[conn] = tracked{address, true}
		c.count(address, 1, 1)
	case http.StateActive:
		// Its first request header is there, or its HTTP/2 preface.
		if t := c.open[conn]; t.silent {
			c.count(t.address, 0, -1)
			c.open[conn] = tracked{address: t.address}
		}
	case http.StateHijacked, http.StateClosed:
		t, ok := c.open[conn]
		switch {
		case !ok: // it was refused
			return
		case t.silent:
			c.count(t.address, -1, -1)
		default:
			c.count(t.address, -1, 0)
		}
		delete(c.open, conn)
	}
}

// over returns the limit that one more connection of remote is over, "" for none.
func (c *Connections) over(remote netip.Addr, hijacked int) string {
	n := c.addresses[householdOf(remote)]
	switch {
	case len(c.open) >= c.bounds.Total, len(c.open)+hijacked >= c.bounds.Descriptors:
		return refusedTotal
	case n.silent >= c.bounds.SilentPerAddress, n.open >= c.bounds.PerAddress && !c.bounds.Shared(remote):
		return refusedAddress
	}
	return ""
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
