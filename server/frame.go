package server

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/belfry/belfry/inbox"
)

// The names of stream events.
const (
	eventItem   = "item"
	eventState  = "state"
	eventUnread = "unread"
	eventPing   = "ping"
	eventResync = "resync"
	eventBye    = "bye"
)

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

// appendRetry adds the field that tells a client how long to wait before it
// connects again, in whole milliseconds.
func appendRetry(b []byte, after time.Duration) []byte {
	b = strconv.AppendInt(append(b, "retry: "...), after.Milliseconds(), 10)
	return append(b, '\n', '\n')
}

// stateBody is what changed in items that the client has, by seq. All lists are
// always there.
type stateBody struct {
	Version  uint64   `json:"version"`
	Read     []uint64 `json:"read"`
	Unread   []uint64 `json:"unread"`
	Seen     []uint64 `json:"seen"`
	Archived []uint64 `json:"archived"`
	Removed  []uint64 `json:"removed"`
}

func newStateBody(version uint64, c *inbox.Changes) stateBody {
	list := func(seqs []uint64) []uint64 {
		if seqs == nil {
			return []uint64{}
		}
		return seqs
	}
	return stateBody{
		Version: version, Read: list(c.Read), Unread: list(c.Unread), Seen: list(c.Seen),
		Archived: list(c.Archived), Removed: list(c.Removed),
	}
}

// versionBody is the data of ping and resync.
type versionBody struct {
	Version uint64 `json:"version"`
}

// byeBody is the data of bye.
type byeBody struct {
	Reason string `json:"reason"`
}
