package belfry

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LetterID names a dead letter: where it lies in the dead-letter topic.
type LetterID struct {
	Partition int32
	Offset    int64
}

// String returns "partition/offset".
func (id LetterID) String() string { return fmt.Sprintf("%d/%d", id.Partition, id.Offset) }

// MarshalText implements encoding.TextMarshaler.
func (id LetterID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// ParseLetterID is the inverse of [LetterID.String]. Its errors match
// [ErrInvalid].
func ParseLetterID(text string) (LetterID, error) {
	partition, offset, _ := strings.Cut(text, "/")
	p, err1 := parseNumber(partition, 31)
	o, err2 := parseNumber(offset, 63)
	if err1 != nil || err2 != nil {
		return LetterID{}, &FieldError{Field: "id", Problem: fmt.Sprintf("must be partition/offset, as in 3/120, not %.80q", text)}
	}
	return LetterID{int32(p), int64(o)}, nil
}

// Letter is a dead letter as it lies in its topic.
type Letter struct {
	ID LetterID
	DeadLetter
	Replayed bool // a replay has marked it

	// The record as it was received: contents are people's own. Key and Value
	// are nil if they were null.
	Key     []byte
	Value   []byte
	Headers []Header
}

// LetterFilter says which letters are meant; the zero value means all. Of each
// field that is not zero the letter must have one.
type LetterFilter struct {
	Reasons []Reason
	Topics  []string // where the records were read
	Groups  []string // that could not process them
	Rules   []string // that could not be applied
	Since   time.Time
	Until   time.Time // set aside before this
	Pending bool      // only those that no replay has marked
}

// Match reports whether the filter means l.
func (f *LetterFilter) Match(l *Letter) bool {
	return one(f.Reasons, l.Reason) && one(f.Topics, l.Topic) && one(f.Groups, l.Group) && one(f.Rules, l.Rule) &&
		(f.Since.IsZero() || !l.DeadAt.Before(f.Since)) &&
		(f.Until.IsZero() || l.DeadAt.Before(f.Until)) &&
		!(f.Pending && l.Replayed)
}

func one[T comparable](of []T, v T) bool { return len(of) == 0 || slices.Contains(of, v) }

// LetterQuery asks for a page of letters, the newest first.
type LetterQuery struct {
	Filter LetterFilter
	Limit  int          // 1 to MaxLetterPage
	Before LetterCursor // Next of the page before; nil for the first
}

// MaxLetterPage is how many letters a page has at the most.
const MaxLetterPage = 1000

// LetterPage is one page of letters.
type LetterPage struct {
	Letters []Letter
	Next    LetterCursor // for the page after it; nil on the last one
}

// LetterCursor tells, by partition of the dead-letter topic, before which offset
// the next page begins.
type LetterCursor []int64

// String returns the offsets with dots between them, "" for nil.
func (c LetterCursor) String() string {
	texts := make([]string, len(c))
	for i, o := range c {
		texts[i] = strconv.FormatInt(o, 10)
	}
	return strings.Join(texts, ".")
}

// ParseLetterCursor is the inverse of [LetterCursor.String]. Its errors match
// [ErrInvalid].
func ParseLetterCursor(text string) (LetterCursor, error) {
	if text == "" {
		return nil, nil
	}
	var out LetterCursor
	for part := range strings.SplitSeq(text, ".") {
		n, err := parseNumber(part, 63)
		if err != nil {
			return nil, &FieldError{Field: "before", Problem: fmt.Sprintf("is not a cursor that a page of dead letters gave: %.80q", text)}
		}
		out = append(out, int64(n))
	}
	return out, nil
}
