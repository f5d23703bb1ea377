package limit

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestClientsThatHoldAllLeaveSome has many addresses hold all that they may in small
// answers, with a large one before: another client still has room for its own.
func TestClientsThatHoldAllLeaveSome(t *testing.T) {
	const total, small = 128 << 20, 24 << 10
	for _, addresses := range []int{1, 8, 9, 100, 600} {
		for _, first := range []int64{small, 16 << 20} {
			t.Run(fmt.Sprint(addresses, " ", first), func(t *testing.T) {
				a := NewAnswers(total, prometheus.NewRegistry())
				address := netip.MustParseAddr("10.0.0.1")
				for range addresses {
					address = address.Next()
					// A refused first answer does not keep a client from others.
					_ = a.NewHold(address).Grow(first)
					for a.NewHold(address).Grow(small) == nil {
					}
				}
				if err := a.NewHold(netip.MustParseAddr("192.0.2.1")).Grow(small); err != nil {
					t.Errorf("a client that holds nothing: %v, with %d of %d held", err, a.Held(), total)
				}
				if addresses == 1 && first == small && (a.Held() > total/clientShare+small || a.Held() < total/clientShare-2*small) {
					t.Errorf("a client alone held %d, want an eighth of %d", a.Held()-small, total)
				}
			})
		}
	}
}

// TestANetworkIsOneClient holds that the addresses of an IPv6 /64, which a household has
// all of, hold what one address may.
func TestANetworkIsOneClient(t *testing.T) {
	a := NewAnswers(80, prometheus.NewRegistry())
	if err := a.NewHold(netip.MustParseAddr("2001:db8::1")).Grow(10); err != nil {
		t.Fatal(err)
	}
	if err := a.NewHold(netip.MustParseAddr("2001:db8::2")).Grow(5); err == nil {
		t.Error("the next address of the same network has room of its own")
	}
	if err := a.NewHold(netip.MustParseAddr("2001:db8:0:1::2")).Grow(5); err != nil {
		t.Errorf("another network: %v", err)
	}
}
