package webpush

import (
	"fmt"
	"net/netip"
)

// notPublic4 are the IPv4 networks that nobody reaches over the internet, or that
// stand for something else there (IANA's registry of special-purpose addresses).
var notPublic4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
)

// public6 is what IPv6 addresses are handed out from; notPublic6 are parts of it that
// carry other addresses in them (6to4, Teredo) or are nobody's. Addresses outside, such
// as NAT64, unique local and link-local addresses and those that hold an IPv4 address,
// are refused by public6.
var (
	public6    = netip.MustParsePrefix("2000::/3")
	notPublic6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// checkPublic returns an error for an address that is not one of the public internet.
// The same goes for an IPv4 address within an IPv6 one, in whatever form.
func checkPublic(addr netip.Addr) error {
	if !addr.IsValid() || addr.Zone() != "" {
		return fmt.Errorf("%w: %s is not public", ErrForbidden, addr)
	}
	refused := notPublic4
	if addr.Is6() {
		refused = notPublic6
		if !public6.Contains(addr) {
			return fmt.Errorf("%w: %s is not public", ErrForbidden, addr)
		}
	}
	for _, p := range refused {
		if p.Contains(addr) {
			return fmt.Errorf("%w: %s is not public", ErrForbidden, addr)
		}
	}
	return nil
}
