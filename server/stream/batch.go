package stream

import (
	"slices"
	"time"

	"github.com/belfry/belfry/server/wire"
)

// batch is what a stream is offered at once: the beginning of the answer, a
// delta, a ping and bye, each of them only if it is due.
type batch struct {
	round  *round
	bytes  []byte
	events []encoded
	begun  bool   // the first event is the beginning of the answer
	delta  *delta // nil for none
	first  int    // the delta's first event
	pinged bool   // the last event is a ping
	ending string // why the stream ends with it; "" if it goes on
}

// begin tells the client that it is connected and when to come back.
func (b *batch) begin(c *connection, retry time.Duration) {
	b.begun = true
	b.bytes = append(b.bytes, c.header...)
	if field := wire.AppendRetry(b.round.scratch[:0], retry); c.chunked {
		b.bytes = appendChunk(b.bytes, field)
	} else {
		b.bytes = append(b.bytes, field...)
	}
	b.events = append(b.events, encoded{end: len(b.bytes)})
}

// addDelta adds what the client of c does not know.
func (b *batch) addDelta(c *connection) error {
	d, err := b.round.encode(c)
	if err != nil {
		return err
	}
	b.delta, b.first = d, len(b.events)
	start := len(b.bytes)
	b.bytes = append(b.bytes, d.bytes...)
	for _, e := range d.events {
		b.events = append(b.events, encoded{start + e.end, e.name})
	}
	return nil
}

// ping adds a ping, unless the client is in the middle of a delta.
func (b *batch) ping(c *connection) {
	at := c.at.progress()
	if b.delta != nil {
		at = b.delta.next
		if b.delta.short {
			return
		}
	}
	if len(at.partly) == 0 {
		b.add(c, at.ping())
		b.pinged = true
	}
}

// bye adds the end of the stream; end is the reason for the metrics.
func (b *batch) bye(c *connection, reason, end string) {
	e := c.at.progress().bye(reason)
	if end == wire.ByeDrain {
		// Byes are spread already, and other servers are there at once.
		e.Retry = wire.Elsewhere()
	}
	b.add(c, e)
	if c.chunked {
		b.bytes = append(b.bytes, lastChunk...)
		b.events[len(b.events)-1].end = len(b.bytes)
	}
	b.ending = end
}

// add adds an event that can be encoded.
func (b *batch) add(c *connection, e wire.Event) {
	bytes, err := b.round.append(b.bytes, e, c.chunked)
	if err != nil {
		return
	}
	b.bytes = bytes
	b.events = append(b.events, encoded{len(b.bytes), e.Name})
}

// delivery is what follows from a client having taken a part of a batch. An
// event of which it took a part counts as delivered; the events after that are
// as if they had never been encoded.
type delivery struct {
	events []encoded   // delivered
	items  []itemState // delivered, of the delta
	whole  bool        // all of the delta is delivered
	at     progress    // what the client then knows
	rest   []byte      // of the last event delivered, which the client has yet to take
}

// delivered returns what follows for a client that knew at and has taken n bytes.
func (b *batch) delivered(at progress, n int) delivery {
	begun := 0
	for begun < len(b.events) && (begun == 0 && n > 0 || begun > 0 && b.events[begun-1].end < n) {
		begun++
	}
	out := delivery{at: at}
	if d := b.delta; d != nil {
		last := b.first + len(d.events)
		if begun > b.first+len(d.items) && begun < last {
			begun = last // what ends a delta belongs together
		}
		out.items = d.items[:min(max(begun-b.first, 0), len(d.items))]
		switch {
		case begun >= last && !d.short:
			out.whole, out.at = true, d.next
		case len(out.items) > 0:
			out.at = at.part(out.items)
		}
	}
	out.events = b.events[:begun]
	if begun > 0 {
		if end := b.events[begun-1].end; end > n {
			out.rest = slices.Clone(b.bytes[n:end])
		}
	}
	return out
}
