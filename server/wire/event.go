package wire

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// EventBye is the name of the last event of a stream.
const EventBye = "bye"

// Why a stream says bye.
const (
	ByeDrain   = "drain"   // this server goes away, or is not ready yet: come back soon
	ByeExpired = "expired" // the token ended
	ByeLimit   = "limit"   // too many streams: come back later
)

// Event is one event of a stream (WHATWG HTML, section 9.2.5).
type Event struct {
	Name string
	ID   string // none if empty; never "\n" or NUL, since it is a cursor
	Data any    // encoded as one line of JSON
	// Retry is when a client is to come again from now on; 0 leaves it at what
	// it was told before.
	Retry time.Duration
}

// Append adds the event as it stands on the wire. A client takes the id only
// with the blank line at the end, so an event cut short changes nothing.
func (e Event) Append(b []byte) ([]byte, error) {
	begin := len(b)
	if e.ID != "" {
		b = append(append(append(b, "id: "...), e.ID...), '\n')
	}
	if e.Retry > 0 {
		b = append(strconv.AppendInt(append(b, "retry: "...), e.Retry.Milliseconds(), 10), '\n')
	}
	b = append(append(append(b, "event: "...), e.Name...), '\n')
	b = append(b, "data: "...)
	b, err := appendJSON(b, e.Data, true)
	if err != nil {
		return b[:begin], fmt.Errorf("encode %s event: %w", e.Name, err)
	}
	return append(b, '\n', '\n'), nil
}

// AppendBye adds the last event of a stream that has just begun, and when its
// client is to come again: one that may come back only later, much later than
// one who can have the stream elsewhere at once.
func AppendBye(b []byte, reason string) []byte {
	after := Soon()
	if reason != ByeDrain {
		after = later()
	}
	// A bye can be encoded.
	b, _ = Event{Name: EventBye, Data: Bye{reason}}.Append(AppendRetry(b, after))
	return b
}

// AppendRetry adds the field that tells a client how long to wait before it
// connects again, in whole milliseconds.
func AppendRetry(b []byte, after time.Duration) []byte {
	b = strconv.AppendInt(append(b, "retry: "...), after.Milliseconds(), 10)
	return append(b, '\n', '\n')
}

// Bye is the data of bye.
type Bye struct {
	Reason string `json:"reason"`
}

// SetStreamHeader says what a stream is. A page learns from it at once that it
// is connected although there may be nothing to tell for a while.
func SetStreamHeader(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
}
