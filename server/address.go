package server

import (
	"net/http"
	"net/netip"
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
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusted(address); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break // the proxy that wrote it is not believed in the rest either
		}
		address = hop.Unmap().WithZone("")
	}
	return address
}

func (s *Server) trusted(address netip.Addr) bool {
	for _, p := range s.config.TrustedProxies {
		if p.Contains(address) {
			return true
		}
	}
	return false
}
