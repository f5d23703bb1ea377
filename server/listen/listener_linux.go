package listen

import (
	"net"
	"syscall"

	"github.com/belfry/belfry/server/stream"
)

// unacknowledged is how long sent data may stay without an acknowledgement: two
// pings.
const unacknowledged = 2 * stream.PingEvery

// tcpUserTimeout is TCP_USER_TIMEOUT (RFC 5482, tcp(7)), in milliseconds.
const tcpUserTimeout = 0x12

// limitUnacknowledged has the kernel end conn when its peer has acknowledged
// nothing for so long. Where that cannot be set the connection is as good as on
// other systems.
func limitUnacknowledged(conn net.Conn) {
	raw := stream.RawConn(conn)
	if raw == nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(unacknowledged.Milliseconds()))
	})
}
