package cli

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// CheckHostPort refuses what is not host:port with a port from least, which is
// 0 for listeners (any free port) and 1 for what is dialled, which has a host as well.
func CheckHostPort(addr string, least int) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		if strings.Contains(addr, "://") {
			return fmt.Errorf("%.80q must be host:port, without a scheme", addr)
		}
		example := 8080
		if least > 0 {
			example = 9092
		}
		return fmt.Errorf("%.80q must be host:port, for example 127.0.0.1:%d", addr, example)
	}
	if strings.ContainsAny(host, "/ ") {
		return fmt.Errorf("%.80q must be host:port, without a scheme or path", addr)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || int(n) < least {
		return fmt.Errorf("%.80q must have a port from %d to 65535", addr, least)
	}
	if least > 0 && host == "" {
		return fmt.Errorf("%q has no host; write 127.0.0.1%[1]s for this machine", addr)
	}
	return nil
}

// IsLoopback reports whether a listener on addr, a valid host:port, is out of
// reach for other machines. Names other than localhost aren't looked up: what
// they mean can change after the check.
func IsLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// IsWildcard reports whether addr, a valid host:port, stands for every address
// of the machine by number; an empty host is not looked at.
func IsWildcard(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}

// Overlap reports whether two listeners on these addresses, valid host:port
// both, would be in each other's way. Port 0 is another one each time.
func Overlap(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB {
		return false
	}
	if n, err := strconv.ParseUint(portA, 10, 16); err != nil || n == 0 {
		return false
	}
	everywhere := hostA == "" || hostB == "" || IsWildcard(a) || IsWildcard(b)
	return everywhere || strings.EqualFold(hostA, hostB)
}

// Listen opens a TCP listener, nil for an empty address; flag is for the error.
func Listen(ctx context.Context, flag, addr string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, FlagFailuref(flag, "%w: stop what listens there or choose another address", err)
	}
	return ln, nil
}
