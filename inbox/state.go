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

// The limits of what a row holds besides the cap.
const (
	MaxHidden     = 100  // items that are hidden until a time, apart from the cap
	MaxMutes      = 64   // muted categories
	MaxMembers    = 20   // arrivals that an item of a collapse key keeps, the shown one among them
	MaxRowMembers = 1000 // arrivals that all items of a row keep besides the shown ones
	MaxActorBytes = 64   // of an actor's id, and of the name, as a row keeps them
	MaxTopics     = 256  // topics that a user has subscribed to
)

// State is the row of one recipient: all that is known of the inbox but the
// contents. The zero State is that of a user nobody has written to.
//
// A State is a value: [Fold] returns a new one and leaves the old as it was.
type State struct {
	// Epoch is the incarnation of the journal that Base belongs to, compared
	// for equality only. Base is the partition's in that incarnation ([Bases]), at or
	// above the version that the row had before it. Version is Base + offset + 1 of
	// the last record processed.
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
	// Mutes holds the muted categories, by rising Version.
	Mutes []Mute
	// Watermarks holds how far each source was routed, the least recently used
	// first.
	Watermarks []Watermark
	// Topics holds what the user has subscribed to, by rising Hash. Joined: the user has
	// joined, or was erased, and joining again takes no notices away.
	Topics []Topic
	Joined bool
	// Reach is nil for a user who never had preferences or endpoints.
	Reach *Reach

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
	// Until is up to when it is hidden, in milliseconds since 1970, or 0 for never. It
	// stays after its wake, when Shown is the version of the record that settled that:
	// until there is one, readers go by their clocks. Shown is also the version of the
	// retraction that brought it back, and 0 if it never was hidden.
	Until int64
	Shown uint64
	Group *Group // what it keeps of its collapse key's arrivals; nil for nothing
	// Shared is nil for what is the user's own, else it is a notice to everybody or to a
	// topic. It has no Hash, no Collapse and no Group, counts in no cap and is evicted by
	// nobody; its content is not the user's.
	Shared   *Shared
	Category string
	Priority belfry.Priority
	Read     bool // implies Seen
	Seen     bool
	Archived bool
	Born     bool // hidden by its sender, not by the user, and not awake yet
	Muted    bool // its category was muted when it arrived, and it was not taken back since
}

// Expired reports whether e is past its time at now.
func (e *Entry) Expired(now time.Time) bool { return expired(e.ExpiresAt, now) }

func expired(at int64, now time.Time) bool { return at != 0 && at <= now.UnixMilli() }

// Status is the item's state in a word, for people: expired, hidden,
// archived, read, seen or unread, whichever comes first.
func (e *Entry) Status(now time.Time) string {
	switch {
	case e.Expired(now):
		return "expired"
	case e.Hidden(now):
		return "hidden"
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
	Shared  bool // it was a notice: no content goes with it
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

// Shared is what an entry of a notice has besides: the notice stands on the board of the
// row's partition, and all but what its user did to it is read from there. Of an entry as
// it is stored Audience alone is known, and besides it Seq, Version, Unarchived, Until, Shown and the flags.
// It is never modified: rows share it.
type Shared struct {
	Audience uint64 // AudienceHash
	Place    uint64 // on the board: version of the record that brought the notice into the lists
}

func (s *Shared) place() uint64 {
	if s == nil {
		return 0
	}
	return s.Place
}

// Applied reports whether the journal record at p is part of s.
func (s *State) Applied(p Position) bool {
	// A row that was advanced to another epoch is below its base until a record of its own.
	return s.Version > s.Base && s.Epoch == p.Epoch && p.Offset >= 0 && uint64(p.Offset) < s.Version-s.Base
}

// Entry returns the retained item of that seq. The pointer is into s.
func (s *State) Entry(seq uint64) (*Entry, bool) {
	i, ok := s.Find(seq)
	if !ok {
		return nil, false
	}
	return &s.Items[i], true
}

// Find returns the place of a seq in Items, or where it belongs.
func (s *State) Find(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(s.Items, seq, func(e Entry, seq uint64) int { return cmp.Compare(e.Seq, seq) })
}

// NextChange returns when what s shows changes next after now without a record,
// because an item expires or wakes, and false if it never does.
func (s *State) NextChange(now time.Time) (time.Time, bool) {
	at, next := now.UnixMilli(), int64(0)
	for i := range s.Items {
		e := &s.Items[i]
		for _, t := range [...]int64{e.ExpiresAt, e.wake()} {
			if t > at && (next == 0 || t < next) {
				next = t
			}
		}
	}
	return time.UnixMilli(next), next != 0
}

// Passed is the number of instants that have passed at now and that s still holds:
// expiries, and wakes that no record has settled. With the cursor it identifies what
// a reader sees.
func (s *State) Passed(now time.Time) int {
	n := 0
	for i := range s.Items {
		n += s.Items[i].Passed(now)
	}
	return n
}

func (s State) clone() State {
	s.Items = slices.Clone(s.Items)
	s.Removals = slices.Clone(s.Removals)
	s.Mutes = slices.Clone(s.Mutes)
	s.Watermarks = slices.Clone(s.Watermarks)
	s.Topics = slices.Clone(s.Topics)
	s.Reach = s.Reach.clone()
	return s
}
