package auth

import (
	"crypto/rand"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// None lets everybody who can reach the server do everything, for a
// demonstration on one's own machine. [Server.Serve] accepts it on a loopback
// address alone. Any web page can send requests there as well, so the Host must
// be a loopback name: a page whose own name was made to resolve to 127.0.0.1
// (DNS rebinding) says that name. Calls with a body must be JSON by content
// type whatever the Auth, which no page of another site can send unasked.
func None() Authenticator { return noAuth{} }

type noAuth struct{}

func (noAuth) authenticate(*http.Request) (Identity, error) { return Identity{All: true}, nil }

func (noAuth) Admit(r *http.Request) error {
	if !loopbackHost(r.Host) {
		return ErrMisdirected
	}
	return nil
}

// ticketSecret is a new one for each server: whoever reaches one needs no
// ticket, but a page that was written for tickets can be tried out.
func (noAuth) ticketSecret() []byte {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails (Go 1.24)
	return secret
}

// LoopbackOrigin reports whether an Origin header (RFC 6454) is that of a page which
// this machine serves.
func LoopbackOrigin(origin string) bool {
	scheme, host, ok := strings.Cut(origin, "://")
	return ok && (scheme == "http" || scheme == "https") && loopbackHost(host)
}

// loopbackHost reports whether a Host header names this machine alone:
// 127.0.0.0/8, ::1, localhost or a name under it (RFC 6761 section 6.3).
func loopbackHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if addr, err := netip.ParseAddr(bare); err == nil {
		return addr.IsLoopback() && addr.Zone() == ""
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}
