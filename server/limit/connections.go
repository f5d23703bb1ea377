package limit

import (
	"net"
	"net/http"
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Connections bounds the connections of a server: all of them, and for each
// address those that have not sent a whole request header yet, which cost as
// much and may never do so. It sees them through [http.Server.ConnState] and so
// leaves them as they are. It is safe for concurrent use.
type Connections struct {
	max       int // in all
	maxSilent int // of one address

	mu     sync.Mutex
	open   map[net.Conn]netip.Prefix // silent ones have an address
	silent map[netip.Prefix]int

	refused *prometheus.CounterVec
}

// Why a connection is refused, for metrics.
const (
	refusedTotal   = "total"
	refusedAddress = "address"
)

// NewConnections returns a limit of max connections in all and maxSilent of one
// address that have not sent a request yet. Its metrics go to reg.
func NewConnections(max, maxSilent int, reg prometheus.Registerer) *Connections {
	c := &Connections{
		max: max, maxSilent: maxSilent,
		open: map[net.Conn]netip.Prefix{}, silent: map[netip.Prefix]int{},
	}
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
		Help: "Connections closed at once, by the limit that they were over: total, or address (too many of it that had not sent a request).",
	}, []string{"limit"})
	for _, limit := range []string{refusedTotal, refusedAddress} {
		c.refused.WithLabelValues(limit)
	}
	return c
}

// Track is for [http.Server.ConnState]. It closes a new connection that is one
// too many.
func (c *Connections) Track(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		address := addressOf(conn)
		if limit := c.over(address); limit != "" {
			c.refused.WithLabelValues(limit).Inc()
			// net/http finds it closed and forgets it.
			_ = conn.Close()
			return
		}
		c.open[conn] = address
		c.silent[address]++
	case http.StateActive:
		// Its first request header is there, or its HTTP/2 preface.
		if c.speaks(conn) {
			c.open[conn] = netip.Prefix{}
		}
	case http.StateHijacked, http.StateClosed:
		c.speaks(conn)
		delete(c.open, conn)
	}
}

// over returns the limit that one more silent connection of address is over, ""
// for none.
func (c *Connections) over(address netip.Prefix) string {
	switch {
	case len(c.open) >= c.max:
		return refusedTotal
	case c.silent[address] >= c.maxSilent:
		return refusedAddress
	}
	return ""
}

// speaks reports whether conn was silent, as which it no longer counts.
func (c *Connections) speaks(conn net.Conn) bool {
	address := c.open[conn]
	if !address.IsValid() {
		return false
	}
	if c.silent[address]--; c.silent[address] <= 0 {
		delete(c.silent, address)
	}
	return true
}

// addressOf returns whom a connection is counted for: its IPv4 address, or the
// /64 of its IPv6 address, which one household has the whole of.
func addressOf(conn net.Conn) netip.Prefix {
	var addr netip.Addr
	if tcp, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		addr = tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	bits := 32
	switch {
	case !addr.IsValid(): // not over TCP: all of them together
		addr = netip.IPv4Unspecified()
	case addr.Is6():
		bits = 64
	}
	prefix, _ := addr.Prefix(bits)
	return prefix
}
