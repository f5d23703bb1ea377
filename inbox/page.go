package inbox

import (
	"fmt"
	"strconv"
	"strings"
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

// Order is how the items of a page follow each other.
type Order string

// The values of Order. Within each importance the newest comes first.
const (
	OrderNewest     Order = "newest"
	OrderImportance Order = "importance" // urgent, high, the rest
)

// ParseOrder returns the order of that name; "" is newest. Any other text is a
// *belfry.FieldError for the field "order".
func ParseOrder(s string) (Order, error) {
	switch o := Order(s); o {
	case "":
		return OrderNewest, nil
	case OrderNewest, OrderImportance:
		return o, nil
	}
	return "", belfry.Invalid("order", "must be newest or importance, not %.40q", s)
}

// highest is the rank that comes first.
func (o Order) highest() uint8 {
	if o == OrderImportance {
		return 2
	}
	return 0
}

// rank is the importance of e in that order; higher ones come first.
func (o Order) rank(e *Entry) uint8 {
	switch {
	case o == OrderImportance && e.Priority == belfry.PriorityUrgent:
		return 2
	case o == OrderImportance && e.Priority == belfry.PriorityHigh:
		return 1
	}
	return 0
}

// Place is where a page ends and the next one starts: behind the item with that rank
// and seq. The zero Place is before all items.
type Place struct {
	Rank uint8
	Seq  uint64
}

// String returns the place as clients get it, "" for the zero Place: its seq, after
// the rank and a point if it has one.
func (p Place) String() string {
	switch {
	case p == Place{}:
		return ""
	case p.Rank == 0:
		return strconv.FormatUint(p.Seq, 10)
	}
	return fmt.Sprintf("%d.%d", p.Rank, p.Seq)
}

// ParsePlace reads what [Place.String] wrote for a page in that order; "" is the zero
// Place. An error is a *belfry.FieldError for the field "before".
func ParsePlace(order Order, text string) (p Place, err error) {
	if text == "" {
		return Place{}, nil
	}
	rank, seq, ranked := strings.Cut(text, ".")
	if !ranked {
		rank, seq = "0", text
	}
	r, rankErr := strconv.ParseUint(rank, 10, 8)
	p.Seq, err = strconv.ParseUint(seq, 10, 64)
	p.Rank = uint8(r)
	if rankErr != nil || err != nil || p.Seq == 0 || p.Rank > order.highest() || p.String() != text {
		return Place{}, belfry.Invalid("before", "must be the next of a page in the same order, not %.40q", text)
	}
	return p, nil
}

// behind reports whether an item with that rank and seq comes after p.
func (p Place) behind(rank uint8, seq uint64) bool {
	return p == Place{} || rank < p.Rank || rank == p.Rank && seq < p.Seq
}

// PageQuery says which items to list: those behind Before, of Category if that is
// not empty, at most Limit (less than 1 is 1). The zero Order is OrderNewest.
type PageQuery struct {
	Status   Status
	Category string
	Order    Order
	Before   Place
	Limit    int
}

// Page returns the items of s that q asks for at now, as pointers into s. Next is
// the Before of the following page, the zero Place if this is the last one.
func (s *State) Page(q PageQuery, now time.Time) (entries []*Entry, next Place) {
	limit := max(q.Limit, 1)
	for rank := q.Order.highest(); ; rank-- {
		for i := len(s.Items) - 1; i >= 0; i-- {
			e := &s.Items[i]
			if q.Order.rank(e) != rank || !q.Before.behind(rank, e.Seq) || !q.matches(e) || e.Expired(now) {
				continue
			}
			if len(entries) == limit {
				last := entries[limit-1]
				return entries, Place{q.Order.rank(last), last.Seq}
			}
			entries = append(entries, e)
		}
		if rank == 0 {
			return entries, Place{}
		}
	}
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
