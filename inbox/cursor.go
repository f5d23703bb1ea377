package inbox

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrCursor is returned by [ParseCursor] for a text that is not a cursor.
var ErrCursor = errors.New("malformed cursor")

// Cursor is a place in a user's history: everything up to and including
// Version, in the incarnation Epoch of the journal. It is the id of stream
// events and the core of an ETag. The zero Cursor precedes everything.
type Cursor struct {
	Epoch   uint32
	Version uint64
}

// String returns "<epoch>.<version>" in decimal.
func (c Cursor) String() string { return string(c.append(make([]byte, 0, 24))) }

func (c Cursor) append(b []byte) []byte {
	b = append(strconv.AppendUint(b, uint64(c.Epoch), 10), '.')
	return strconv.AppendUint(b, c.Version, 10)
}

// IsZero reports whether c precedes everything.
func (c Cursor) IsZero() bool { return c == Cursor{} }

// ParseCursor is the inverse of [Cursor.String]. It accepts the canonical form
// only (no signs, spaces or leading zeros); all else is [ErrCursor].
func ParseCursor(s string) (Cursor, error) {
	epoch, version, ok := strings.Cut(s, ".")
	if !ok {
		return Cursor{}, fmt.Errorf("%w: %.40q", ErrCursor, s)
	}
	e, err1 := parseCanonical(epoch, 32)
	v, err2 := parseCanonical(version, 64)
	if err1 != nil || err2 != nil {
		return Cursor{}, fmt.Errorf("%w: %.40q", ErrCursor, s)
	}
	return Cursor{Epoch: uint32(e), Version: v}, nil
}

func parseCanonical(s string, bits int) (uint64, error) {
	if s == "" || s[0] == '+' || len(s) > 1 && s[0] == '0' {
		return 0, ErrCursor
	}
	return strconv.ParseUint(s, 10, bits)
}

// Position is the place of a record in the journal: which incarnation of the
// topic, and which offset in the recipient's partition.
type Position struct {
	Epoch  uint32
	Offset int64
}
