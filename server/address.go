package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress is the address of the sender of r: of the connection, or, while that
// is a trusted proxy's, the last in X-Forwarded-For that is none. It is the zero
// Addr if the connection has none.
func (s *Server) clientAddress(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := at.Addr().Unmap()
	// From its end: a client may send any number of hops, of which none is believed.
	for _, line := range slices.Backward(r.Header.Values("X-Forwarded-For")) {
		for more := true; more; {
			if !s.trusted(address) {
				return address
			}
			last := line
			if i := strings.LastIndexByte(line, ','); i >= 0 {
				line, last = line[:i], line[i+1:]
			} else {
				more = false
			}
			hop, err := netip.ParseAddr(strings.TrimSpace(last))
			if err != nil {
				return address // the proxy that wrote it is not believed in the rest either
			}
			address = hop.Unmap().WithZone("")
		}
	}
	return address
}

func (s *Server) trusted(address netip.Addr) bool {
	return slices.ContainsFunc(s.config.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(address) })
}
