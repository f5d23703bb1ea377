package child

import (
	"fmt"
	mathrand "math/rand/v2"
	"net"
)

// Ports are taken from below those that Linux gives to outgoing connections
// (from 32768), so that nobody gets the port of a process that is down.
const (
	firstPort = 10000
	lastPort  = 19999
)

// FreeAddr returns a loopback address that nobody listened on a moment ago.
func FreeAddr() (string, error) {
	var last error
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", firstPort+mathrand.IntN(lastPort-firstPort+1))
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			last = err
			continue
		}
		return addr, ln.Close()
	}
	return "", fmt.Errorf("find a free port: %w", last)
}
