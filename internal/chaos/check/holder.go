package check

import (
	"cmp"
	"errors"
	"slices"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
)

// Holder is what a stream's client believes: it takes the frames of section 5
// of the design, keeps items by seq and version, and remembers from where to go
// on. It also tells at once what no server may send. It does no I/O: the caller
// connects, and lists when [Holder.Cursor] or [Holder.Owed] says so.
//
// The zero Holder knows nothing. It is not safe for concurrent use.
type Holder struct {
	items   map[uint64]heldItem
	removed map[uint64]uint64 // by seq, the version at which it was gone
	// lasting are the seqs of items that are known to be no notices: nothing else that is
	// sent here expires.
	lasting map[uint64]bool
	// The last list showed all from the seq next on, as of version.
	list struct{ version, next uint64 }

	cursor inbox.Cursor
	begun  bool // cursor is a place to go on from
	owed   uint64
	owing  bool // a resync asked for a list that has not come

	unread int
	badge  uint64 // version of unread
	told   uint64 // the highest version of all that is held
	full   bool   // nothing is missing, so that items can be counted
	on     holderStream

	compared int // batches whose counts were held against the items
}

// heldItem is what the client knows of an item.
type heldItem struct {
	history.Item
	// listed is set on an item that a list of a running connection brought
	// without content: the cursor may be past it already.
	listed bool
}

// Reset takes a first page of what is not archived for all there is: the list
// that a resync asks for, or the one that a client begins with. Without a next
// page the client then holds everything.
func (h *Holder) Reset(l history.Listed) {
	h.items, h.removed = map[uint64]heldItem{}, map[uint64]uint64{}
	for _, it := range l.Items {
		h.note(&it)
		if !it.Archived {
			h.items[it.Seq] = heldItem{it, it.Pending && h.owing}
		}
	}
	h.list.version, h.list.next = l.Version, l.Next
	h.cursor, h.begun, h.owing = l.Cursor, true, false
	h.told, h.full = l.Version, l.Next == 0
	if l.Version >= h.badge {
		h.unread, h.badge = l.Unread, l.Version
	}
}

// Cursor is from where the next connection goes on. It reports false if the
// client must list first: nothing is known yet, a resync has asked for it, or a
// content that a list lacked may never come by the stream.
func (h *Holder) Cursor() (inbox.Cursor, bool) {
	if !h.begun || h.owing {
		return inbox.Cursor{}, false
	}
	for _, it := range h.items {
		if it.listed {
			return inbox.Cursor{}, false
		}
	}
	return h.cursor, true
}

// Owed is the version (min_version) of the list that a resync has asked for.
func (h *Holder) Owed() (version uint64, owing bool) { return h.owed, h.owing }

// Unread is the last count that the client was told.
func (h *Holder) Unread() int { return h.unread }

// Items are what the client shows: not archived ones, newest first.
func (h *Holder) Items() []history.Item {
	items := make([]history.Item, 0, len(h.items))
	for _, it := range h.items {
		items = append(items, it.Item)
	}
	slices.SortFunc(items, func(a, b history.Item) int {
		return cmp.Or(cmp.Compare(max(b.Seq, b.Shown), max(a.Seq, a.Shown)), cmp.Compare(b.Seq, a.Seq))
	})
	return items
}

// Held is all of it for [Truth].
func (h *Holder) Held(client, user string) history.Held {
	return history.Held{Client: client, User: user, Cursor: h.cursor, Unread: h.unread, Items: h.Items()}
}

// Apply takes one frame as [Frame] has it, "open" included, and returns what of
// it breaches the contract, as joined [*Breach] errors. The frame is applied all
// the same, as far as it can be read.
func (h *Holder) Apply(event, id string, data []byte) error {
	var errs []error
	for _, b := range h.apply(event, id, data) {
		errs = append(errs, b)
	}
	return errors.Join(errs...)
}

// note remembers what does not expire.
func (h *Holder) note(it *history.Item) {
	if it.Audience != "" || it.Pending {
		return
	}
	if h.lasting == nil {
		h.lasting = map[uint64]bool{}
	}
	h.lasting[it.Seq] = true
}

// put takes an item unless something newer is known. Content and flags are
// taken apart: the content of a pending item may come after its flags changed.
func (h *Holder) put(it history.Item) {
	h.note(&it)
	if v, gone := h.removed[it.Seq]; gone && v >= it.Version {
		return
	}
	if it.Replaces != 0 {
		h.remove(it.Replaces, it.Version)
	}
	if it.Archived {
		h.remove(it.Seq, it.Version)
		return
	}
	known, ok := h.items[it.Seq]
	switch {
	case !ok && it.Version <= h.list.version && it.Seq >= h.list.next:
		// The list does not have it: it is archived or gone. A stream that goes
		// on after a resync may be behind the server that was listed.
		return
	case ok && known.Version > it.Version:
		if !known.Pending || it.Pending {
			return
		}
		it.Version, it.Read, it.Seen = known.Version, known.Read, known.Seen
	case ok && it.Pending && !known.Pending:
		known.Version, known.Read, known.Seen = it.Version, it.Read, it.Seen
		it = known.Item
	}
	h.items[it.Seq] = heldItem{it, it.Pending && known.listed}
}

func (h *Holder) patch(s stateFrame) {
	flags := func(seqs []uint64, read bool) {
		for _, seq := range seqs {
			it, ok := h.items[seq]
			if !ok || it.Version > s.Version {
				continue
			}
			it.Read, it.Seen, it.Version = read, read || slices.Contains(s.Seen, seq), s.Version
			h.items[seq] = it
		}
	}
	flags(s.Read, true)
	flags(s.Unread, false)
	for _, seqs := range [][]uint64{s.Archived, s.Removed} {
		for _, seq := range seqs {
			h.remove(seq, s.Version)
		}
	}
}

func (h *Holder) remove(seq, version uint64) {
	if it, ok := h.items[seq]; ok && it.Version > version {
		return
	}
	delete(h.items, seq)
	h.removed[seq] = max(version, h.removed[seq])
}

// tally counts what is held as a badge counts it.
func (h *Holder) tally() (t inbox.Tally) {
	for _, it := range h.items {
		if it.Read {
			continue
		}
		t.Unread++
		if !it.Seen {
			t.Unseen++
		}
	}
	return t
}
