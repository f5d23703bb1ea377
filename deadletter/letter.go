package deadletter

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry/belfry"
)

// ID names a dead letter: where it lies in the dead-letter topic.
type ID struct {
	Partition int32
	Offset    int64
}

// String returns "partition/offset".
func (id ID) String() string { return fmt.Sprintf("%d/%d", id.Partition, id.Offset) }

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// ParseID is the inverse of [ID.String]. Its errors match
// belfry.ErrInvalid.
func ParseID(text string) (ID, error) {
	partition, offset, _ := strings.Cut(text, "/")
	p, err1 := parseNumber(partition, 31)
	o, err2 := parseNumber(offset, 63)
	if err1 != nil || err2 != nil {
		return ID{}, belfry.Invalid("id", "must be partition/offset, as in 3/120, not %.80q", text)
	}
	return ID{int32(p), int64(o)}, nil
}

// Letter is a dead letter as it lies in its topic.
type Letter struct {
	ID ID
	Envelope
	Replayed bool // a replay has marked it

	// The record as it was received: contents are people's own. Key and Value
	// are nil if they were null.
	Key     []byte
	Value   []byte
	Headers []belfry.Header
}

// Filter says which letters are meant; the zero value means all. Of each
// field that is not zero the letter must have one.
type Filter struct {
	Reasons []Reason
	Topics  []string // where the records were read
	Groups  []string // that could not process them
	Rules   []string // that could not be applied
	Since   time.Time
	Until   time.Time // set aside before this
	Pending bool      // only those that no replay has marked
}

// Match reports whether the filter means l.
func (f *Filter) Match(l *Letter) bool {
	return one(f.Reasons, l.Reason) && one(f.Topics, l.Topic) && one(f.Groups, l.Group) && one(f.Rules, l.Rule) &&
		(f.Since.IsZero() || !l.DeadAt.Before(f.Since)) &&
		(f.Until.IsZero() || l.DeadAt.Before(f.Until)) &&
		!(f.Pending && l.Replayed)
}

func one[T comparable](of []T, v T) bool { return len(of) == 0 || slices.Contains(of, v) }

// Query asks for a page of letters, the newest first.
type Query struct {
	Filter Filter
	Limit  int    // 1 to MaxPage
	Before Cursor // Next of the page before; nil for the first
}

// MaxPage is how many letters a page has at the most.
const MaxPage = 1000

// Page is one page of letters.
type Page struct {
	Letters []Letter
	Next    Cursor // for the page after it; nil on the last one
}

// Pending counts the letters that no replay has marked.
type Pending struct {
	Count int64
	Kinds []PendingKind // by group and reason, those there are
	// CountedAt is when the whole topic was last looked at; zero if it is being
	// read for the first time, and the count is that of a part.
	CountedAt time.Time
}

// PendingKind is how many of them a group set aside for one reason.
type PendingKind struct {
	Group  string `json:"group"`
	Reason Reason `json:"reason"`
	Count  int64  `json:"count"`
}

// Cursor tells, by partition of the dead-letter topic, before which offset
// the next page begins.
type Cursor []int64

// String returns the offsets with dots between them, "" for nil.
func (c Cursor) String() string { return joinOffsets(c, ".") }

// ParseCursor is the inverse of [Cursor.String]. Its errors match
// belfry.ErrInvalid.
func ParseCursor(text string) (Cursor, error) {
	if text == "" {
		return nil, nil
	}
	offsets, ok := splitOffsets(text, ".")
	if !ok {
		return nil, belfry.Invalid("before", "is not a cursor that a page of dead letters gave: %.80q", text)
	}
	return offsets, nil
}
