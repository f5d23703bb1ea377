package stream

import (
	"slices"
	"strconv"
	"time"

	"github.com/belfry/belfry/server/wire"
)

// batchBytes is about how much is encoded of a batch before some of it must be
// taken by the client, so that a client that missed much holds little memory.
const batchBytes = 64 << 10

// delta is what a stream's client does not know yet, encoded.
type delta struct {
	valid   bool
	from    progress // whom it is for: all streams that know this
	prefer  wire.Languages
	chunked bool

	bytes  []byte
	events []encoded
	items  []itemState // of the first events, in their order
	short  bool        // items are left that did not fit
	next   progress    // once all is delivered
	wake   time.Time   // when to look again
	took   string
}

// encoded is an event that stands encoded in a batch.
type encoded struct {
	end  int // where it ends
	name string
}

// encode returns the delta of c. It is good until the next call.
func (r *round) encode(c *connection) (*delta, error) {
	if err := r.read(); err != nil {
		return nil, err
	}
	d := &r.delta
	at := c.at.progress()
	if d.valid && d.chunked == c.chunked && d.from.same(at) && slices.Equal(d.prefer, c.prefer) {
		return d, nil
	}
	out, next := at.step(view{user: r.user, row: &r.row, now: r.now, contents: r.content, prefer: c.prefer})
	*d = delta{
		valid: true, from: at, prefer: c.prefer, chunked: c.chunked,
		bytes: d.bytes[:0], events: d.events[:0], items: d.items[:0],
		next: next, wake: out.wake, took: out.took, short: out.short,
	}
	for _, e := range out.events {
		if len(d.items) > 0 && len(d.bytes) > batchBytes {
			d.short = true
			break
		}
		var err error
		if d.bytes, err = r.append(d.bytes, e, c.chunked); err != nil {
			d.valid = false
			return nil, err
		}
		d.events = append(d.events, encoded{len(d.bytes), e.Name})
		if item, ok := e.Data.(*wire.Item); ok {
			d.items = append(d.items, itemState{item.Seq, item.Version, item.Pending})
		}
	}
	return d, nil
}

// append adds an event as it stands on the wire.
func (r *round) append(b []byte, e wire.Event, chunked bool) ([]byte, error) {
	if !chunked {
		return e.Append(b)
	}
	var err error
	if r.scratch, err = e.Append(r.scratch[:0]); err != nil {
		return b, err
	}
	return appendChunk(b, r.scratch), nil
}

// appendChunk adds data as one chunk (RFC 9112 section 7.1).
func appendChunk(b, data []byte) []byte {
	b = append(strconv.AppendInt(b, int64(len(data)), 16), "\r\n"...)
	return append(append(b, data...), "\r\n"...)
}

// lastChunk ends an answer that travels in chunks.
const lastChunk = "0\r\n\r\n"
