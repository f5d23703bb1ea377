package inbox

import (
	"strconv"
	"time"
)

// Badge is what a row shows to who asks for no more than the counts.
type Badge struct {
	Stamp
	Counts
}

// Badge returns the badge of s at now.
func (s *State) Badge(now time.Time) Badge { return Badge{Stamp: s.Stamp(now), Counts: s.Counts(now)} }

// Stamp identifies what a row shows at a time: two equal stamps of one user
// stand for equal counts and equal lists. The zero Stamp is that of a user
// nobody has written to.
type Stamp struct {
	Cursor Cursor
	Passed int // see [State.Passed]
}

// Stamp returns the stamp of s at now.
func (s *State) Stamp(now time.Time) Stamp {
	return Stamp{Cursor: s.Cursor(), Passed: s.Passed(now)}
}

// String returns "<epoch>.<version>.<passed>" in decimal.
func (s Stamp) String() string {
	b := append(s.Cursor.append(make([]byte, 0, 32)), '.')
	return string(strconv.AppendInt(b, int64(s.Passed), 10))
}
