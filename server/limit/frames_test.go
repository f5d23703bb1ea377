package limit

import (
	"bytes"
	"testing"
	"time"

	"golang.org/x/net/http2"
)

// sent is what a client sends, its preface included.
func sent(t *testing.T, send func(*http2.Framer, int) error, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	framer := http2.NewFramer(&out, nil)
	framer.AllowIllegalWrites = true
	for i := range n {
		if err := send(framer, i); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// wasted feeds b in pieces of any size.
func (f *frames) wasted(b []byte) (waste time.Duration) {
	for size := 1; len(b) > 0; size = size%37 + 1 {
		n := min(size, len(b))
		waste += f.Read(b[:n])
		b = b[n:]
	}
	return waste
}

func TestFramesWithoutRequestsAreWaste(t *testing.T) {
	for name, c := range map[string]struct {
		cost time.Duration
		send func(*http2.Framer, int) error
	}{
		"PING":          {frameWaste, func(f *http2.Framer, _ int) error { return f.WritePing(false, [8]byte{}) }},
		"SETTINGS":      {frameWaste, func(f *http2.Framer, _ int) error { return f.WriteSettings() }},
		"SETTINGS ack":  {frameWaste, func(f *http2.Framer, _ int) error { return f.WriteSettingsAck() }},
		"PRIORITY":      {frameWaste, func(f *http2.Framer, _ int) error { return f.WritePriority(3, http2.PriorityParam{StreamDep: 1}) }},
		"WINDOW_UPDATE": {frameWaste, func(f *http2.Framer, _ int) error { return f.WriteWindowUpdate(0, 1) }},
		"empty DATA":    {frameWaste, func(f *http2.Framer, _ int) error { return f.WriteData(1, false, nil) }},
		"DATA of 1":     {frameWaste, func(f *http2.Framer, _ int) error { return f.WriteData(1, false, []byte("x")) }},
		"CONTINUATION":  {frameWaste, func(f *http2.Framer, _ int) error { return f.WriteContinuation(1, false, nil) }},
		"unknown":       {frameWaste, func(f *http2.Framer, _ int) error { return f.WriteRawFrame(0x42, 0, 1, []byte("xyz")) }},
		"RST_STREAM":    {refusalWaste, func(f *http2.Framer, i int) error { return f.WriteRSTStream(uint32(1+2*i), http2.ErrCodeCancel) }},
	} {
		var f frames
		if got, want := f.wasted(sent(t, c.send, 1000+freeFrames)), 1000*c.cost; got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// TestRequestsAreNoWaste holds that who asks, sends bodies and reads answers is charged for
// none of the frames that this takes.
func TestRequestsAreNoWaste(t *testing.T) {
	var f frames
	requests := sent(t, func(fr *http2.Framer, i int) error {
		id := uint32(1 + 2*i)
		if err := fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte("block"), EndHeaders: true}); err != nil {
			return err
		}
		for _, body := range []string{`{"recipient":"u","title":"x"}`, ""} {
			if err := fr.WriteData(id, body == "", []byte(body)); err != nil {
				return err
			}
		}
		for _, of := range []uint32{0, id} {
			if err := fr.WriteWindowUpdate(of, 4096); err != nil {
				return err
			}
		}
		return fr.WriteData(id, false, make([]byte, 16<<10)) // of a large one
	}, 5000)
	if got := f.wasted(requests); got != 0 {
		t.Errorf("requests: %s", got)
	}
	read := sent(t, func(fr *http2.Framer, _ int) error { return fr.WriteWindowUpdate(0, 100) }, 5000)
	f.credit.Store(0)
	for range 2500 {
		f.Wrote(100) // an event
	}
	if got := f.wasted(read[len(http2.ClientPreface):]); got != 0 {
		t.Errorf("windows of a stream: %s", got)
	}
	var other frames
	if got := other.wasted(bytes.Repeat([]byte("GET / HTTP/1.1\r\n\r\n"), 1000)); got != 0 || !other.other {
		t.Errorf("HTTP/1.1: %s", got)
	}
}
