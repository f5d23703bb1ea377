package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// eventBye is the name of the last event of a stream.
const eventBye = "bye"

// Why a stream says bye.
const (
	byeDrain   = "drain"   // this server goes away, or is not ready yet: come back soon
	byeExpired = "expired" // the token ended
	byeLimit   = "limit"   // too many streams: come back later
)

// frame is one event of a stream (WHATWG HTML, section 9.2.5).
type frame struct {
	event string
	id    string // none if empty; never "\n" or NUL, since it is a cursor
	data  any    // encoded as one line of JSON
	// retry is when a client is to come again from now on; 0 leaves it at what
	// it was told before.
	retry time.Duration
}

// append adds the frame as it stands on the wire. A client takes the id only
// with the blank line at the end, so a frame cut short changes nothing.
func (f frame) append(b []byte) ([]byte, error) {
	data, err := json.Marshal(f.data)
	if item, ok := f.data.(itemBody); ok && err != nil {
		// Data is the only part that can fail. It was checked on its way in; an
		// item without it serves the user better than a stream that ends here
		// each time.
		item.Data = nil
		data, err = json.Marshal(item)
	}
	if err != nil {
		return b, fmt.Errorf("encode %s event: %w", f.event, err)
	}
	if f.id != "" {
		b = append(append(append(b, "id: "...), f.id...), '\n')
	}
	if f.retry > 0 {
		b = append(strconv.AppendInt(append(b, "retry: "...), f.retry.Milliseconds(), 10), '\n')
	}
	b = append(append(append(b, "event: "...), f.event...), '\n')
	b = append(append(b, "data: "...), data...)
	return append(b, '\n', '\n'), nil
}

// appendBye adds the last event of a stream that has just begun, and when its
// client is to come again: one that may come back only later, much later than
// one who can have the stream elsewhere at once.
func appendBye(b []byte, reason string) []byte {
	after := soon()
	if reason != byeDrain {
		after = later()
	}
	// A bye can be encoded.
	b, _ = frame{event: eventBye, data: byeBody{reason}}.append(appendRetry(b, after))
	return b
}

// appendRetry adds the field that tells a client how long to wait before it
// connects again, in whole milliseconds.
func appendRetry(b []byte, after time.Duration) []byte {
	b = strconv.AppendInt(append(b, "retry: "...), after.Milliseconds(), 10)
	return append(b, '\n', '\n')
}

// byeBody is the data of bye.
type byeBody struct {
	Reason string `json:"reason"`
}

// setStreamHeader says what a stream is. A page learns from it at once that it
// is connected although there may be nothing to tell for a while.
func setStreamHeader(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
}
