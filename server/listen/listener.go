package listen

import "net"

// Patient accepts connections whose kernel gives up a peer that acknowledges
// nothing: without that a write to one that has vanished succeeds for a quarter
// of an hour, into a buffer that nobody empties.
type Patient struct{ net.Listener }

// Accept implements net.Listener.
func (l Patient) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		limitUnacknowledged(conn)
	}
	return conn, err
}
