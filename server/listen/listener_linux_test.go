package listen

import (
	"net"
	"syscall"
	"testing"

	"github.com/belfry/belfry/server/stream"
)

func TestListenerGivesUpWhoAcknowledgesNothing(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := Patient{ln}.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	got := 0
	err = stream.RawConn(conn).Control(func(fd uintptr) {
		got, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout)
	})
	if err != nil || got != int(unacknowledged.Milliseconds()) {
		t.Errorf("got %d ms, %v", got, err)
	}
}
