//go:build unix

package stream

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// socket is a plain connection that is written to without waiting: what the
// kernel has no room for is not taken.
type socket struct {
	conn net.Conn
	raw  syscall.RawConn
}

// newSocket returns nil if conn is more than a socket, as one with TLS is.
func newSocket(conn net.Conn) outlet {
	raw := RawConn(conn)
	if raw == nil {
		return nil
	}
	return &socket{conn, raw}
}

func RawConn(conn net.Conn) syscall.RawConn {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

func (o *socket) put(b []byte) (n int, later bool, err error) {
	rawErr := o.raw.Write(func(fd uintptr) bool {
		for {
			if n, err = syscall.Write(int(fd), b); err != syscall.EINTR {
				return true
			}
		}
	})
	switch {
	case rawErr != nil:
		return 0, false, asGone(rawErr)
	case err == syscall.EAGAIN:
		return 0, false, nil
	case err != nil:
		return 0, false, asGone(err)
	}
	return n, false, nil
}

func (o *socket) gone() bool { return o.discard() }

// close lets the kernel send what it has. The client's bytes are read before:
// or the end would be a reset, which can overtake the last event.
func (o *socket) close() {
	o.discard()
	_ = o.conn.Close() // it is over, whatever comes of it
}

// discard reads what the client has sent, which is nothing that a stream wants,
// and reports whether it has ended its side or is gone.
func (o *socket) discard() bool {
	return atEnd(o.raw, func(fd int) (int, error) {
		var discarded [512]byte
		return syscall.Read(fd, discarded[:])
	})
}

// hungUp reports whether the client has ended the connection under another
// protocol, whose bytes stay unread.
func hungUp(conn net.Conn) bool {
	raw := RawConn(conn)
	return raw != nil && atEnd(raw, func(fd int) (int, error) {
		var one [1]byte
		n, _, err := syscall.Recvfrom(fd, one[:], syscall.MSG_PEEK)
		return n, err
	})
}

// atEnd reports whether read, called without waiting, finds that nothing more
// comes.
func atEnd(raw syscall.RawConn, read func(fd int) (int, error)) bool {
	var n int
	var err error
	rawErr := raw.Read(func(fd uintptr) bool {
		n, err = read(int(fd))
		return true
	})
	return rawErr != nil || n == 0 && err == nil || err != nil && err != syscall.EAGAIN && err != syscall.EINTR
}

// asGone tells a client that has gone from other errors of a write.
func asGone(err error) error {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}
