package inbox

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belfry/belfry"
)

// Status selects the items of a page.
type Status string

// The values of Status.
const (
	StatusAll       Status = "all" // all that is not archived
	StatusUnread    Status = "unread"
	StatusArchived  Status = "archived"
	StatusScheduled Status = "scheduled" // what is hidden, archived or not; in no other
)

// ParseStatus returns the status of that name; "" is all. Any other text is a
// *belfry.FieldError for the field "status".
func ParseStatus(s string) (Status, error) {
	switch st := Status(s); st {
	case "":
		return StatusAll, nil
	case StatusAll, StatusUnread, StatusArchived, StatusScheduled:
		return st, nil
	}
	return "", belfry.Invalid("status", "must be all, unread, archived or scheduled, not %.40q", s)
}

// Order is how the items of a page follow each other.
type Order string

// The values of Order. Within each importance the newest comes first. Scheduled
// items have an order of their own: the soonest comes first.
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

// unsettled is the place of what no record has shown yet.
const unsettled = math.MaxUint64

// Place is where e stands among the others: the version at which it came or was last
// shown again, above all versions while its wake is not settled.
func (e *Entry) Place() uint64 {
	if e.Until != 0 && e.Shown == 0 {
		return unsettled
	}
	return max(e.Seq, e.Shown, e.Shared.place())
}

// Compare is the one order of items, of lists, eviction, horizons and messages: by place,
// where that is the same by the time of the wake, and then by seq. The last one comes
// first in a list.
func (e *Entry) Compare(other *Entry) int {
	return cmp.Or(cmp.Compare(e.Place(), other.Place()), cmp.Compare(e.Until, other.Until), cmp.Compare(e.Seq, other.Seq))
}

// byPlace returns the items as a list has them, nil if that is the order of their seqs,
// from the last to the first.
func (s *State) byPlace() []*Entry {
	moved := false
	for i := range s.Items {
		e := &s.Items[i]
		moved = moved || e.Until != 0 || e.Shown != 0 || e.Shared.place() > e.Seq
	}
	if !moved {
		return nil
	}
	sorted := make([]*Entry, len(s.Items))
	for i := range s.Items {
		sorted[i] = &s.Items[i]
	}
	slices.SortFunc(sorted, func(a, b *Entry) int { return b.Compare(a) })
	return sorted
}

// soonest returns the items that are hidden at now, in the order in which they wake.
func (s *State) soonest(now time.Time) []*Entry {
	sorted := []*Entry{}
	for i := range s.Items {
		if e := &s.Items[i]; e.Hidden(now) {
			sorted = append(sorted, e)
		}
	}
	slices.SortFunc(sorted, func(a, b *Entry) int { return cmp.Or(cmp.Compare(a.Until, b.Until), cmp.Compare(a.Seq, b.Seq)) })
	return sorted
}

// Place is where a page ends and the next one starts: behind the item of that rank and
// order. The zero Place is before all items. Without a Place it is what clients had
// from an older Belfry: where the item of that seq is, or would be.
type Place struct {
	Order Order // of the page; "" for what is scheduled, which has an order of its own
	Rank  uint8
	Place uint64 // see [Entry.Place]
	Until int64
	Seq   uint64
	// Cursor is that of the row of the page: an older one can hold items elsewhere, so
	// that the next page takes a row which is not below it.
	Cursor Cursor
}

// String returns the place as clients get it, "" for the zero Place: the order with the
// rank, place, until, seq and cursor with points between them, 0 for the place of what is
// not settled.
func (p Place) String() string {
	switch {
	case p == Place{}:
		return ""
	case p.Place == 0:
		return strconv.FormatUint(p.Seq, 10)
	}
	place := p.Place
	if place == unsettled {
		place = 0
	}
	return fmt.Sprintf("%s%d.%d.%d.%d.%s", marks[p.Order], p.Rank, place, p.Until, p.Seq, p.Cursor)
}

// marks are how orders are written in a place.
var marks = map[Order]string{OrderNewest: "n", OrderImportance: "i", "": "s"}

// ParsePlace reads what [Place.String] wrote for a page like that of q; "" is the zero
// Place. An error is a *belfry.FieldError for the field "before".
func ParsePlace(q *PageQuery, text string) (p Place, err error) {
	if text == "" {
		return Place{}, nil
	}
	wrong := belfry.Invalid("before", "must be the next of a page in the same order, not %.40q", text)
	if seq, err := parseCanonical(text, 64); err == nil && seq != 0 {
		return Place{Seq: seq}, nil
	}
	p.Order = q.placed()
	rest, ok := strings.CutPrefix(text, marks[p.Order])
	parts := strings.Split(rest, ".")
	if !ok || len(parts) != 6 {
		return Place{}, wrong
	}
	var n [4]uint64
	for i := range n {
		if n[i], err = parseCanonical(parts[i], 64); err != nil {
			return Place{}, wrong
		}
	}
	p.Rank, p.Place, p.Until, p.Seq = uint8(min(n[0], math.MaxUint8)), n[1], int64(n[2]), n[3]
	if p.Place == 0 {
		p.Place = unsettled
	}
	p.Cursor, err = ParseCursor(parts[4] + "." + parts[5])
	if err != nil || p.Seq == 0 || p.Rank > p.Order.highest() || p.String() != text {
		return Place{}, wrong
	}
	return p, nil
}

// in returns p with the order of the item of its seq in s, where it has the seq alone.
func (p Place) in(s *State, q *PageQuery) Place {
	if p.Place != 0 || p.Seq == 0 {
		return p
	}
	if e, ok := s.Entry(p.Seq); ok {
		return Place{Rank: q.rank(e), Place: e.Place(), Until: e.Until, Seq: e.Seq}
	}
	p.Place = p.Seq
	return p
}

// PageQuery says which items to list: those behind Before, of Category if that is
// not empty, at most Limit (less than 1 is 1). The zero Order is OrderNewest.
type PageQuery struct {
	Status   Status
	Category string
	Order    Order
	Before   Place
	Limit    int
	// Born: of what is scheduled also what its sender has hidden, which is not for its
	// user to see.
	Born bool
}

// placed is the order by which the places of the page are.
func (q *PageQuery) placed() Order {
	if q.Status == StatusScheduled {
		return ""
	}
	return cmp.Or(q.Order, OrderNewest)
}

// rank is that of e in the order of the page.
func (q *PageQuery) rank(e *Entry) uint8 {
	if q.Status == StatusScheduled {
		return 0
	}
	return q.Order.rank(e)
}

// behind reports whether e comes after the place before which the page does not reach.
func (q *PageQuery) behind(e *Entry) bool {
	p, rank := q.Before, q.rank(e)
	switch {
	case p == Place{}:
		return true
	case q.Status == StatusScheduled:
		return cmp.Or(cmp.Compare(e.Until, p.Until), cmp.Compare(e.Seq, p.Seq)) > 0
	}
	return cmp.Or(cmp.Compare(rank, p.Rank), cmp.Compare(e.Place(), p.Place), cmp.Compare(e.Until, p.Until), cmp.Compare(e.Seq, p.Seq)) < 0
}

// Page returns the items of s that q asks for at now, as pointers into s. Next is
// the Before of the following page, the zero Place if this is the last one.
func (s *State) Page(q PageQuery, now time.Time) (entries []*Entry, next Place) {
	limit := max(q.Limit, 1)
	q.Before = q.Before.in(s, &q)
	sorted, n, rank := s.byPlace(), len(s.Items), q.Order.highest()
	if q.Status == StatusScheduled {
		sorted, rank = s.soonest(now), 0
		n = len(sorted)
	}
	for ; ; rank-- {
		for i := range n {
			e := &s.Items[len(s.Items)-1-i]
			if sorted != nil {
				e = sorted[i]
			}
			if q.rank(e) != rank || !q.matches(e, now) || !q.behind(e) {
				continue
			}
			if len(entries) == limit {
				last := entries[limit-1]
				return entries, Place{q.placed(), q.rank(last), last.Place(), last.Until, last.Seq, s.Cursor()}
			}
			entries = append(entries, e)
		}
		if rank == 0 {
			return entries, Place{}
		}
	}
}

func (q *PageQuery) matches(e *Entry, now time.Time) bool {
	if q.Category != "" && e.Category != q.Category || e.Expired(now) {
		return false
	}
	if e.Hidden(now) {
		return q.Status == StatusScheduled && (q.Born || !e.Born)
	}
	switch q.Status {
	case StatusScheduled:
		return false
	case StatusArchived:
		return e.Archived
	case StatusUnread:
		return !e.Archived && !e.Read
	default:
		return !e.Archived
	}
}
