package server

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/wire"
)

// batchBytes is about how much is encoded of a batch before some of it must be
// taken by the client, so that one who missed much holds little memory.
const batchBytes = 64 << 10

// moment is what one worker tells the streams of one user from, in one round:
// their row is read once, and what is encoded for one stream serves the others
// that know the same.
type moment struct {
	streams *streams
	turns   []turn
	user    string
	now     time.Time
	row     inbox.State
	hasRow  bool
	held    map[uint64]*inbox.Item // contents read in this round, if it has several streams
	story   story
	out     batch
	scratch []byte
}

// begin forgets all but the memory of the last round.
func (m *moment) begin(user string) {
	m.user, m.now, m.row, m.hasRow = user, time.Now(), inbox.State{}, false
	m.story.valid = false
	m.held = nil
	if len(m.turns) > 1 {
		m.held = map[uint64]*inbox.Item{}
	}
}

// batch returns the empty batch, of which there is one at a time.
func (m *moment) batch() *batch {
	b := &m.out
	*b = batch{bytes: b.bytes[:0], frames: b.frames[:0], moment: m}
	return b
}

// read reads the row, once a round.
func (m *moment) read() error {
	if m.hasRow {
		return nil
	}
	row, err := m.streams.rows.Row(m.user)
	if err != nil {
		return fmt.Errorf("read row: %w", err)
	}
	m.row, m.hasRow = row, true
	return nil
}

// content is the [source] of the user's streams. Content that cannot be read is
// late content: its item is shown as pending.
func (m *moment) content(seq uint64) *inbox.Item {
	if item, ok := m.held[seq]; ok {
		return item
	}
	item := m.find(seq)
	if m.held != nil {
		m.held[seq] = item
	}
	return item
}

func (m *moment) find(seq uint64) *inbox.Item {
	item, ok, err := m.streams.items.Item(m.user, seq)
	if err != nil {
		m.streams.log.Warn("item not read", "seq", seq, "err", err)
	}
	if err != nil || !ok {
		return nil
	}
	return &item
}

// story is a step of a stream's progress, encoded.
type story struct {
	valid   bool
	from    progress
	prefer  wire.Languages
	chunked bool

	bytes  []byte
	frames []framed
	items  []told    // the first frames, in their order
	short  bool      // items are left that did not fit
	next   progress  // once all is told
	wake   time.Time // when to look again
	took   string
}

// framed is a frame that stands encoded in a batch.
type framed struct {
	end   int // where it ends
	event string
}

// tell returns the story of c. It is good until the next call.
func (m *moment) tell(c *connection) (*story, error) {
	if err := m.read(); err != nil {
		return nil, err
	}
	s := &m.story
	if s.valid && s.chunked == c.chunked && s.from.same(c.at) && slices.Equal(s.prefer, c.prefer) {
		return s, nil
	}
	out, next := c.at.step(view{user: m.user, row: &m.row, now: m.now, content: m.content, prefer: c.prefer})
	*s = story{
		valid: true, from: c.at, prefer: c.prefer, chunked: c.chunked,
		bytes: s.bytes[:0], frames: s.frames[:0], items: s.items[:0],
		next: next, wake: out.wake, took: out.took,
	}
	for _, f := range out.frames {
		if s.short = len(s.items) > 0 && len(s.bytes) > batchBytes; s.short {
			break
		}
		var err error
		if s.bytes, err = m.Append(s.bytes, f, c.chunked); err != nil {
			s.valid = false
			return nil, err
		}
		s.frames = append(s.frames, framed{len(s.bytes), f.Name})
		if item, ok := f.Data.(wire.Item); ok {
			s.items = append(s.items, told{item.Seq, item.Version, item.Pending})
		}
	}
	return s, nil
}

// Append adds a frame as it stands on the wire.
func (m *moment) Append(b []byte, f wire.Event, chunked bool) ([]byte, error) {
	if !chunked {
		return f.Append(b)
	}
	var err error
	if m.scratch, err = f.Append(m.scratch[:0]); err != nil {
		return b, err
	}
	return appendChunk(b, m.scratch), nil
}

// appendChunk adds data as one chunk (RFC 9112 section 7.1).
func appendChunk(b, data []byte) []byte {
	b = append(strconv.AppendInt(b, int64(len(data)), 16), "\r\n"...)
	return append(append(b, data...), "\r\n"...)
}

// lastChunk ends an answer that travels in chunks.
const lastChunk = "0\r\n\r\n"

// batch is what a stream is offered at once: the beginning of the answer, a
// story, a ping and bye, each of them only if it is due.
type batch struct {
	moment *moment
	bytes  []byte
	frames []framed
	begun  bool // the first frame is the beginning
	story  *story
	first  int // the story's first frame
	ending string
}

// begin tells the client that it is connected and when to come back.
func (b *batch) begin(c *connection, retry time.Duration) {
	b.begun = true
	b.bytes = append(b.bytes, c.header...)
	if field := wire.AppendRetry(b.moment.scratch[:0], retry); c.chunked {
		b.bytes = appendChunk(b.bytes, field)
	} else {
		b.bytes = append(b.bytes, field...)
	}
	b.frames = append(b.frames, framed{end: len(b.bytes)})
}

// tell adds what c does not know.
func (b *batch) tell(c *connection) error {
	s, err := b.moment.tell(c)
	if err != nil {
		return err
	}
	b.story, b.first = s, len(b.frames)
	start := len(b.bytes)
	b.bytes = append(b.bytes, s.bytes...)
	for _, f := range s.frames {
		b.frames = append(b.frames, framed{start + f.end, f.event})
	}
	return nil
}

// ping adds a ping, unless the client is in the middle of a batch.
func (b *batch) ping(c *connection) {
	at := &c.at
	if b.story != nil {
		at = &b.story.next
		if b.story.short {
			return
		}
	}
	if len(at.partly) == 0 {
		b.add(c, at.ping())
	}
}

// bye adds the end of the stream; end is the reason for the metrics.
func (b *batch) bye(c *connection, reason, end string) {
	f := c.at.bye(reason)
	if end == wire.ByeDrain {
		// Byes are spread already, and other servers are there at once.
		f.Retry = wire.Elsewhere()
	}
	b.add(c, f)
	if c.chunked {
		b.bytes = append(b.bytes, lastChunk...)
		b.frames[len(b.frames)-1].end = len(b.bytes)
	}
	b.ending = end
}

// add adds a frame that can be encoded.
func (b *batch) add(c *connection, f wire.Event) {
	bytes, err := b.moment.Append(b.bytes, f, c.chunked)
	if err != nil {
		return
	}
	b.bytes = bytes
	b.frames = append(b.frames, framed{len(b.bytes), f.Name})
}

// settle has c know what follows from its client having taken n bytes: all
// frames of which it took a part count as told, and what is left of the last of
// them is kept. The others are as if they had never been.
func (b *batch) settle(c *connection, n int) {
	begun := 0
	for begun < len(b.frames) && (begun == 0 && n > 0 || begun > 0 && b.frames[begun-1].end < n) {
		begun++
	}
	if s := b.story; s != nil {
		switch last := b.first + len(s.frames); {
		case begun > b.first+len(s.items) && begun < last:
			begun = last // what ends a batch belongs together
			fallthrough
		case begun >= last && !s.short:
			if c.at.phase == phaseLive && c.at.told < s.next.told && s.next.told == b.moment.row.Version && len(s.frames) > 0 {
				b.moment.streams.metrics.told(b.moment.row.ChangedAt, time.Now())
			}
			c.at, c.wakeAt = s.next, s.wake
			c.owed &^= signalTables
			if s.took != "" {
				b.moment.streams.metrics.catchups.WithLabelValues(s.took).Inc()
			}
		default:
			c.owed |= signalTables
			if begun > b.first {
				c.at = c.at.part(s.items[:begun-b.first])
			}
		}
	}
	if s, t := b.story, b.moment.streams.tracing; s != nil && t != nil && begun > b.first {
		t.pushed(b.moment.user, s.items[:min(begun-b.first, len(s.items))])
	}
	if b.begun && begun > 0 {
		c.owed &^= signalStart
		c.header = nil
	}
	if begun > 0 {
		if end := b.frames[begun-1].end; end > n {
			c.rest = slices.Clone(b.bytes[n:end])
		}
	}
	if b.ending != "" && begun == len(b.frames) {
		c.ending = b.ending
	}
	for _, f := range b.frames[:begun] {
		b.moment.streams.metrics.event(f.event)
	}
}
