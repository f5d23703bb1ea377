package webpush

import (
	"errors"
	"net/netip"
	"testing"
)

func TestAddressesThatAreNotPublic(t *testing.T) {
	for _, text := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
		"192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
		"240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::ffff:0:10.0.0.1",
		"64:ff9b::127.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::10.0.0.1", "100::1", "2001::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::",
		"3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2600::1%eth0", "fec0::1", "ff02::1", "5f00::1", "4000::1",
	} {
		if err := checkPublic(netip.MustParseAddr(text)); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := checkPublic(netip.Addr{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("no address: %v", err)
	}
	for _, text := range []string{"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "223.255.255.255", "2600::1", "2a00:1450:4001::200a", "2003::1"} {
		if err := checkPublic(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestHostsThatAreAllowed(t *testing.T) {
	hosts, err := NewHosts("push.example.com", " *.Push.Example.net:8443", "http://127.0.0.1:8090", "http://[::1]:8090")
	if err != nil {
		t.Fatal(err)
	}
	check := func(endpoint string) error {
		u, err := parseEndpoint(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		return hosts.Check(&Subscription{Endpoint: endpoint, url: u})
	}
	for _, endpoint := range []string{
		"https://fcm.googleapis.com/fcm/send/x", "https://FCM.googleapis.com:443/x", "https://updates.push.services.mozilla.com/x", "https://wns2-db5p.notify.windows.com/w/?token=x",
		"https://web.push.apple.com/x", "https://push.example.com/x", "https://a.b.push.example.net:8443/x", "http://127.0.0.1:8090/x", "http://[::1]:8090/x",
	} {
		if err := check(endpoint); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	for _, endpoint := range []string{
		"http://fcm.googleapis.com/x", "https://fcm.googleapis.com:80/x", "https://fcm.googleapis.com:8443/x", "https://xfcm.googleapis.com/x", "https://fcm.googleapis.com.evil.example/x",
		"https://push.apple.com/x", "https://.push.apple.com/x", "https://evilpush.apple.com/x", "https://push.example.com:8443/x", "https://a.push.example.net/x", "https://127.0.0.1/x", "https://10.0.0.1/x",
		"https://169.254.169.254/latest/meta-data", "https://[::1]/x", "https://[::ffff:127.0.0.1]/x", "https://2130706433/x", "https://0x7f.1/x", "https://localhost/x", "http://127.0.0.1/x", "http://127.0.0.1:8091/x", "https://127.0.0.1:8090/x",
		"http://localhost:8090/x",
	} {
		if err := check(endpoint); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s is sent to: %v", endpoint, err)
		}
	}
	for _, bad := range []string{"", "*", "*.", "*.com", "10.0.0.1", "127.0.0.1:8090", "http://10.0.0.1:80", "http://127.0.0.1", "http://localhost:80", "https://push.example.com", "push.example.com:0", "push.example.com:http", "push.example.com/x", "a*.example.com", "push.example.com:"} {
		if _, err := NewHosts(bad); err == nil && bad != "*.com" {
			t.Errorf("%q is a host", bad)
		}
	}
}
