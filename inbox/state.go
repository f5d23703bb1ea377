package inbox

import (
	"cmp"
	"slices"
	"time"

	"github.com/belfry/belfry"
)

// DefaultCap is how many items a user's inbox keeps, archived ones included.
const DefaultCap = 100

// MaxCap is the highest cap that may be asked for.
const MaxCap = 1000

// MaxWatermarks is how many source watermarks a row keeps; the least recently
// used goes first.
const MaxWatermarks = 64

// State is the row of one recipient: all that is known of the inbox but the
// contents. The zero State is that of a user nobody has written to.
//
// A State is a value: [Fold] returns a new one and leaves the old as it was.
type State struct {
	// Epoch is the incarnation of the journal that Base belongs to, compared
	// for equality only. Base is the version the row had when that incarnation
	// began. Version is Base + offset + 1 of the last record processed.
	Epoch   uint32
	Base    uint64
	Version uint64
	// ChangedAt is the timestamp, to the millisecond, of the record that Version
	// is of; zero if that is not known.
	ChangedAt time.Time

	// Items holds the retained items, by rising Seq.
	Items []Entry
	// Removals remembers items that are gone, and retractions that came before
	// their notification, by rising Version.
	Removals []Removal
	// Horizon is the highest Version of a removal that was forgotten. A client
	// that knows less than that can no longer learn exactly what is gone.
	Horizon uint64
	// Watermarks holds how far each source was routed, the least recently used
	// first.
	Watermarks []Watermark

	// Extra holds the fields, as encoded, that a newer Belfry wrote and this
	// one does not know. Fold carries them along.
	Extra []byte
}

// Entry is what a row knows of one item.
type Entry struct {
	Seq        uint64
	Version    uint64 // of its last change; Seq if it never changed
	Unarchived uint64 // version at which it last came back from the archive, or 0
	Hash       uint64 // IdentityHash
	Collapse   uint64 // CollapseHash, or 0
	Replaces   uint64 // seq of the item that it replaced, or 0
	Count      uint32 // how many notifications it stands for, at least 1
	ExpiresAt  int64  // milliseconds since 1970, or 0 for never
	Category   string
	Priority   belfry.Priority
	Read       bool // implies Seen
	Seen       bool
	Archived   bool
}

// Expired reports whether e is past its time at now.
func (e *Entry) Expired(now time.Time) bool {
	return e.ExpiresAt != 0 && e.ExpiresAt <= now.UnixMilli()
}

// Status is the item's state in a word, for people: expired, archived, read,
// seen or unread, whichever comes first.
func (e *Entry) Status(now time.Time) string {
	switch {
	case e.Expired(now):
		return "expired"
	case e.Archived:
		return "archived"
	case e.Read:
		return "read"
	case e.Seen:
		return "seen"
	}
	return "unread"
}

// Removal is what is remembered of an item that is gone. Seq is 0 if there
// never was an item: a retraction came first, or what came had already expired.
type Removal struct {
	Seq     uint64
	Version uint64
	Hash    uint64
}

// Watermark is how far one source partition was routed into the row by one
// rule: to the (Offset, Index) of the last record. Key is a hash of topic ID,
// partition and rule.
type Watermark struct {
	Key    uint64
	Offset int64
	Index  int32
}

// Cursor is the place in the user's history that s describes. It is zero for
// the zero State.
func (s *State) Cursor() Cursor {
	if s.Version == 0 {
		return Cursor{}
	}
	return Cursor{Epoch: s.Epoch, Version: s.Version}
}

// Applied reports whether the journal record at p is part of s.
func (s *State) Applied(p Position) bool {
	return s.Version > 0 && s.Epoch == p.Epoch && p.Offset >= 0 && uint64(p.Offset) < s.Version-s.Base
}

// Entry returns the retained item of that seq. The pointer is into s.
func (s *State) Entry(seq uint64) (*Entry, bool) {
	i, ok := slices.BinarySearchFunc(s.Items, seq, func(e Entry, seq uint64) int { return cmp.Compare(e.Seq, seq) })
	if !ok {
		return nil, false
	}
	return &s.Items[i], true
}

// NextExpiry returns when the next item of s that has not expired at now will,
// and false if none ever will.
func (s *State) NextExpiry(now time.Time) (time.Time, bool) {
	next := int64(0)
	for i := range s.Items {
		e := &s.Items[i]
		if e.ExpiresAt != 0 && !e.Expired(now) && (next == 0 || e.ExpiresAt < next) {
			next = e.ExpiresAt
		}
	}
	return time.UnixMilli(next), next != 0
}

// ExpiredCount is the number of items that s still holds although they have
// expired at now: with the cursor it identifies what a reader sees.
func (s *State) ExpiredCount(now time.Time) int {
	n := 0
	for i := range s.Items {
		if s.Items[i].Expired(now) {
			n++
		}
	}
	return n
}

func (s State) clone() State {
	s.Items = slices.Clone(s.Items)
	s.Removals = slices.Clone(s.Removals)
	s.Watermarks = slices.Clone(s.Watermarks)
	return s
}
