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

// Tally is the number of unread items and of those never shown. Unseen is at
// most Unread, since reading implies seeing.
type Tally struct {
	Unread int `json:"unread"`
	Unseen int `json:"unseen"`
}

// Counts is the badge. Archived, hidden and expired items count in nothing. Urgent is
// the number of unread items of high or urgent priority. Categories has the
// categories with an unread item; items without a category are in the totals
// alone.
type Counts struct {
	Tally
	Urgent     int              `json:"urgent"`
	Categories map[string]Tally `json:"categories"`
}

// Counts returns the badge of s at now. Categories is never nil.
func (s *State) Counts(now time.Time) Counts {
	c := Counts{Categories: map[string]Tally{}}
	for i := range s.Items {
		c.Add(&s.Items[i], now)
	}
	return c
}

// Add counts e, if it counts at now. Of e it needs Category, Priority, Read,
// Seen, Archived, ExpiresAt, Until and Shown.
func (c *Counts) Add(e *Entry, now time.Time) {
	if !c.AddTotal(e, now) || e.Category == "" {
		return
	}
	unseen := 0
	if !e.Seen {
		unseen = 1
	}
	if c.Categories == nil {
		c.Categories = map[string]Tally{}
	}
	t := c.Categories[e.Category]
	t.Unread++
	t.Unseen += unseen
	c.Categories[e.Category] = t
}

// AddTotal is Add without categories, and reports whether e counts.
func (c *Counts) AddTotal(e *Entry, now time.Time) bool {
	if e.Read || e.Archived || e.Hidden(now) || e.Expired(now) {
		return false
	}
	c.Unread++
	if !e.Seen {
		c.Unseen++
	}
	if e.Priority.Pressing() {
		c.Urgent++
	}
	return true
}
