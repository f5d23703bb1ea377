//go:build !linux

package listen

import "net"

// limitUnacknowledged leaves conn to what the system does.
func limitUnacknowledged(net.Conn) {}
