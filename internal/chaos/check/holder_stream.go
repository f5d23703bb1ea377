package check

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
)

// Breach is something in a stream that its contract rules out.
type Breach struct {
	Kind Kind
	Text string
}

// Error returns the text.
func (b *Breach) Error() string { return b.Text }

// holderStream is what one connection has sent.
type holderStream struct {
	items   map[string]bool     // by seq, version and whether the content was there
	removed map[uint64][]uint64 // by seq, the versions at which it was told
	floor   inbox.Cursor        // of ids: the last one, at first the cursor asked for
	id      string              // the last one sent, as it stood
	version uint64              // of the last frame that ended a batch
	// The batch that is under way.
	open, state bool
	last        uint64 // seq of the last item
	importance  int    // of that item, -1 for one that is neither high nor urgent
	ended       bool   // bye was said
	asked       string // the cursor that the connection was opened with
}

// The data of frames, as far as it matters here.
type (
	itemFrame struct {
		history.Item
		Priority string `json:"priority"`
	}
	stateFrame struct {
		Version                               uint64
		Read, Unread, Seen, Archived, Removed []uint64
	}
	unreadFrame struct {
		User    string
		Version uint64
		Cursor  string
		inbox.Counts
	}
	versionFrame struct{ Version uint64 }
)

func (h *Holder) apply(event, id string, data []byte) []*Breach {
	if h.items == nil {
		h.items, h.removed = map[uint64]heldItem{}, map[uint64]uint64{}
	}
	if event == "open" {
		h.connect(id)
		return nil
	}
	a := application{h: h, event: event, id: id}
	if h.on.items == nil {
		a.breach(Other, "came before a connection was opened")
		h.connect("")
	}
	if h.on.ended {
		a.breach(Other, "came after bye")
	}
	a.take(data)
	return a.breaches
}

// connect begins a connection that asked for cursor.
func (h *Holder) connect(cursor string) {
	h.on = holderStream{items: map[string]bool{}, removed: map[uint64][]uint64{}}
	c, err := inbox.ParseCursor(cursor)
	switch {
	case cursor == "":
		h.full = false // such a client is told the badge alone
	case err != nil: // a resync comes
	case c.IsZero():
		h.full = true // all there is comes, or a resync
	case !h.begun || c.Version > h.cursor.Version:
		h.full = false
	}
	if err == nil {
		h.on.floor = c
		if cursor != "" {
			h.on.asked = c.String()
		}
	}
}

// application is one frame on its way in.
type application struct {
	h         *Holder
	event, id string
	breaches  []*Breach
}

func (a *application) breach(kind Kind, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	a.breaches = append(a.breaches, &Breach{kind, fmt.Sprintf("%s frame, id %q: %s", a.event, a.id, text)})
}

// read decodes data and reports whether that was possible.
func (a *application) read(data []byte, v any) bool {
	if err := json.Unmarshal(data, v); err != nil {
		a.breach(Other, "data %.200q: %v", data, err)
		return false
	}
	return true
}

func (a *application) take(data []byte) {
	switch a.event {
	case "item":
		var f itemFrame
		if a.inside() && a.read(data, &f) {
			a.item(f)
		}
	case "state":
		var f stateFrame
		if a.inside() && a.read(data, &f) {
			a.state(f)
		}
	case "unread":
		var f unreadFrame
		if a.read(data, &f) {
			a.unread(f)
		}
	case "resync":
		var f versionFrame
		if a.h.on.open {
			a.breach(Other, "within a batch")
		}
		if a.read(data, &f) && a.end(f.Version) {
			a.h.owed, a.h.owing, a.h.full = f.Version, true, false
		}
	case "ping":
		var f versionFrame
		if a.read(data, &f) && f.Version < a.h.on.version {
			a.breach(Back, "version %d after %d", f.Version, a.h.on.version)
		}
		a.between()
	case "bye":
		a.between()
		a.h.on.ended = true
	default:
		a.breach(Other, "no event of the contract")
	}
}

// inside holds what is true of every frame of a batch but the last. It reports
// true: the frame is taken whatever its id.
func (a *application) inside() bool {
	a.h.on.open = true
	if a.id != "" {
		a.breach(Other, "has an id, although it is not the last of its batch")
	}
	return true
}

func (a *application) item(f itemFrame) {
	on := &a.h.on
	key := fmt.Sprint(f.Seq, f.Version, f.Pending)
	if on.items[key] {
		a.breach(Doubled, "item %d of version %d twice on one connection", f.Seq, f.Version)
	}
	on.items[key] = true
	importance := slices.Index([]string{"high", "urgent"}, f.Priority) // -1: neither
	switch {
	case on.state:
		a.breach(Other, "item %d after the state of its batch", f.Seq)
	case on.last != 0 && importance > on.importance:
		a.breach(Other, "item %d after one that is less important", f.Seq)
	case importance == on.importance && f.Seq <= on.last:
		a.breach(Other, "item %d after item %d", f.Seq, on.last)
	}
	on.last, on.importance = f.Seq, importance
	delete(on.removed, f.Seq) // it was brought back
	a.h.told = max(a.h.told, f.Version)
	a.h.put(f.Item)
}

func (a *application) state(f stateFrame) {
	on := &a.h.on
	if on.state {
		a.breach(Other, "second state of a batch")
	}
	on.state = true
	for _, seq := range f.Removed {
		// One that was replaced is told again once its item keeps it no more, and one that
		// has expired with each version while the row still holds it.
		before := on.removed[seq]
		if n := len(before); n > 1 && a.h.lasting[seq] || n > 0 && f.Version <= before[n-1] {
			a.breach(Doubled, "item %d removed twice on one connection", seq)
		}
		on.removed[seq] = append(before, f.Version)
	}
	a.h.told = max(a.h.told, f.Version)
	a.h.patch(f)
}

func (a *application) unread(f unreadFrame) {
	h := a.h
	if !a.end(f.Version) {
		return
	}
	// A server that is behind what the client holds counts something else.
	if h.full && !h.owing && f.Version >= h.told {
		h.compared++
		if held := h.tally(); held != f.Tally {
			a.breach(Drift, "version %d: tells unread %d, unseen %d; held are %d and %d",
				f.Version, f.Unread, f.Unseen, held.Unread, held.Unseen)
		}
	}
	h.told = max(h.told, f.Version)
	if f.Version >= h.badge {
		h.unread, h.badge = f.Unread, f.Version
	}
}

// end holds what is true of the last frame of a batch and takes its id. It
// reports false if there is no telling where the client is then.
func (a *application) end(version uint64) bool {
	on := &a.h.on
	on.open, on.state, on.last, on.importance = false, false, 0, 0
	id, err := inbox.ParseCursor(a.id)
	switch {
	case a.id == "":
		a.breach(Other, "has no id, although it is the last of its batch")
		return false
	case err != nil:
		a.breach(Other, "%v", err)
		return false
	}
	if id.Epoch == on.floor.Epoch && id.Version < on.floor.Version {
		a.breach(Back, "id after %s", on.floor)
	}
	if version < on.version {
		a.breach(Back, "version %d after %d", version, on.version)
	}
	if version < id.Version {
		a.breach(Other, "version %d, before the id", version)
	}
	on.floor, on.id, on.version = id, a.id, version
	a.h.cursor, a.h.begun = id, true
	return true
}

// between holds what is true of ping and bye: outside of batches, and with the
// last id again.
func (a *application) between() {
	if a.h.on.open {
		a.breach(Other, "within a batch")
	}
	if on := &a.h.on; on.id == "" && a.event == "ping" && on.asked != "" && a.id == on.asked {
		on.id = a.id // nothing was missed: the stream goes on from there
	}
	if a.id != a.h.on.id {
		a.breach(Other, "the last id was %q", a.h.on.id)
	}
}
