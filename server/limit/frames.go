package limit

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
)

const (
	frameHeader = 9 // RFC 9113 section 4.1
	// smallData is a DATA frame that hardly brings anything of a body.
	smallData = 256
	// freeFrames are those that a connection begins with.
	freeFrames = 16
	// requestFrames are those that belong to a request: the rest of a body, windows.
	requestFrames = 4
	// windowBytes is what a client has to read for one more frame, besides two for
	// each write to it: it gives windows back.
	windowBytes = 1 << 10
	// mostCredit bounds the frames that a client may have left.
	mostCredit = 1 << 16
)

// errCalm has an HTTP/2 connection end with GOAWAY and ENHANCE_YOUR_CALM (RFC 9113
// section 7).
var errCalm error = http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)

// frames follows what a peer sends over HTTP/2. Read is for one goroutine, Wrote for
// others beside it.
type frames struct {
	other   bool // it is not HTTP/2
	preface int  // bytes of it that have come
	header  [frameHeader]byte
	have    int    // bytes of the header
	left    uint32 // bytes of the payload to come
	credit  atomic.Int64
	free    int // of any sort, used so far
	headers int // of requests that have come and were not counted yet
}

// Read returns what the frames that begin in b waste.
func (f *frames) Read(b []byte) (waste time.Duration) {
	for len(b) > 0 && !f.other {
		switch {
		case f.preface < len(http2.ClientPreface):
			if b[0] != http2.ClientPreface[f.preface] {
				f.other = true
				return 0
			}
			f.preface++
			b = b[1:]
		case f.left > 0:
			n := min(int(f.left), len(b))
			f.left -= uint32(n)
			b = b[n:]
		default:
			n := copy(f.header[f.have:], b)
			b = b[n:]
			if f.have += n; f.have == frameHeader {
				f.have = 0
				f.left = binary.BigEndian.Uint32(f.header[:]) >> 8
				waste += f.cost()
			}
		}
	}
	return waste
}

// cost is what the frame wastes whose header has come.
func (f *frames) cost() time.Duration {
	cost := frameWaste
	switch kind, flags := http2.FrameType(f.header[3]), http2.Flags(f.header[4]); kind {
	case http2.FrameHeaders:
		f.earn(requestFrames)
		f.headers++
		return 0
	case http2.FrameData:
		if f.left >= smallData || flags.Has(http2.FlagDataEndStream) || f.spend() {
			return 0
		}
	case http2.FrameContinuation:
		if f.left > 0 { // all of them are bounded as a header is
			return 0
		}
	case http2.FrameWindowUpdate:
		if f.spend() {
			return 0
		}
	case http2.FrameRSTStream:
		cost = refusalWaste
	}
	if f.free < freeFrames {
		f.free++
		return 0
	}
	return cost
}

// Wrote is for n bytes that were written to the peer.
func (f *frames) Wrote(n int) { f.earn(2 + int64(n)/windowBytes) }

func (f *frames) earn(n int64) {
	if f.credit.Load() < mostCredit {
		f.credit.Add(n)
	}
}

// spend takes one frame of the credit, if there is any.
func (f *frames) spend() bool {
	if f.credit.Load() <= 0 {
		return false
	}
	f.credit.Add(-1)
	return true
}

// framesConn is an HTTP/2 connection over TLS whose frames are counted: below TLS there
// are none to see.
type framesConn struct {
	*tls.Conn
	below  *turnsConn
	frames frames
	over   bool
}

// Frames returns conn such that an HTTP/2 server of golang.org/x/net/http2 ends it with
// ENHANCE_YOUR_CALM when its peer sends more frames than come to anything. A connection
// whose Listener counts nothing is returned as it is.
func (t *Turns) Frames(conn *tls.Conn) net.Conn {
	if below := turnsOf(conn); below != nil {
		return &framesConn{Conn: conn, below: below}
	}
	return conn
}

// Read implements net.Conn.
func (c *framesConn) Read(p []byte) (int, error) {
	if c.over {
		return 0, errCalm
	}
	n, err := c.Conn.Read(p)
	c.over = c.below.follow(&c.frames, p[:n])
	return n, err
}

// Write implements net.Conn.
func (c *framesConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.frames.Wrote(n)
	return n, err
}

// follow counts what was read for the connection, and reports whether it is to end.
func (c *turnsConn) follow(f *frames, b []byte) (over bool) {
	waste := f.Read(b) + c.asked(f.headers)
	if f.headers = 0; waste == 0 {
		return false
	}
	c.crowd.pace.waste(waste)
	if !c.charge(waste) {
		return false
	}
	c.calm(calmedFrames)
	return true
}
