package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestClientAddress(t *testing.T) {
	s := &Server{config: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}}}
	for _, tt := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"direct", "192.0.2.1:99", nil, "192.0.2.1"},
		{"as IPv6", "[::ffff:192.0.2.1]:99", nil, "192.0.2.1"},
		{"of nobody trusted", "192.0.2.1:99", []string{"198.51.100.1"}, "192.0.2.1"},
		{"of a proxy", "10.1.2.3:99", []string{"198.51.100.1"}, "198.51.100.1"},
		{"of a proxy that says nothing", "10.1.2.3:99", nil, "10.1.2.3"},
		{"what the client made up", "10.1.2.3:99", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"of two proxies", "10.1.2.3:99", []string{"203.0.113.9", "198.51.100.1, 10.9.9.9"}, "198.51.100.1"},
		{"of proxies alone", "10.1.2.3:99", []string{"10.2.2.2, 10.9.9.9"}, "10.2.2.2"},
		{"nonsense", "10.1.2.3:99", []string{"198.51.100.1, unknown"}, "10.1.2.3"},
		{"over IPv6", "[::1]:99", []string{"2001:db8::1"}, "2001:db8::1"},
		{"no address", "@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = tt.remote
			r.Header["X-Forwarded-For"] = tt.forwarded
			if got := s.clientAddress(r).String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestHopsThatNobodyBelieves holds that hops which a client made up cost nothing: the header
// is read from its end.
func TestHopsThatNobodyBelieves(t *testing.T) {
	s := &Server{config: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	for remote, want := range map[string]string{"192.0.2.1:99": "192.0.2.1", "10.1.2.3:99": "198.51.100.1"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = remote
		r.Header["X-Forwarded-For"] = []string{strings.Repeat("203.0.113.9,", 2000) + "198.51.100.1"}
		if got := s.clientAddress(r).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if n := testing.AllocsPerRun(10, func() { s.clientAddress(r) }); n > 0 {
			t.Errorf("from %s it takes %v allocations", remote, n)
		}
	}
}
