package inbox

import (
	"time"

	"github.com/belfry/belfry"
)

// Status selects the items of a page.
type Status string

// The values of Status.
const (
	StatusAll      Status = "all" // all that is not archived
	StatusUnread   Status = "unread"
	StatusArchived Status = "archived"
)

// ParseStatus returns the status of that name; "" is all. Any other text is a
// *belfry.FieldError for the field "status".
func ParseStatus(s string) (Status, error) {
	switch st := Status(s); st {
	case "":
		return StatusAll, nil
	case StatusAll, StatusUnread, StatusArchived:
		return st, nil
	}
	return "", belfry.Invalid("status", "must be all, unread or archived, not %.40q", s)
}

// PageQuery says which items to list. Before, if not 0, is the seq below which
// the page starts; Category, if not empty, the only category; Limit how many
// items at the most (less than 1 is 1).
type PageQuery struct {
	Status   Status
	Category string
	Before   uint64
	Limit    int
}

// Page returns the items of s that q asks for at now, newest first, as
// pointers into s. Next is the Before of the following page, or 0 if this is
// the last one.
func (s *State) Page(q PageQuery, now time.Time) (entries []*Entry, next uint64) {
	limit := max(q.Limit, 1)
	for i := len(s.Items) - 1; i >= 0; i-- {
		e := &s.Items[i]
		if q.Before != 0 && e.Seq >= q.Before || !q.matches(e) || e.Expired(now) {
			continue
		}
		if len(entries) == limit {
			return entries, entries[len(entries)-1].Seq
		}
		entries = append(entries, e)
	}
	return entries, 0
}

func (q PageQuery) matches(e *Entry) bool {
	if q.Category != "" && e.Category != q.Category {
		return false
	}
	switch q.Status {
	case StatusArchived:
		return e.Archived
	case StatusUnread:
		return !e.Archived && !e.Read
	default:
		return !e.Archived
	}
}
