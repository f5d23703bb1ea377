package inbox

import (
	"maps"
	"time"
)

// Recount is what a user's items themselves amount to, counted from their
// contents by the flags in the row. It is how a badge is checked.
type Recount struct {
	Counts
	Missing   []uint64 // seqs that the row holds and that have no content
	Differing []uint64 // seqs whose content and row say different things
}

// Recount counts the items of s at now by their contents, and looks for those of the
// arrivals that they keep. Content returns that
// of a seq, nil if there is none; owed says that it is on its way then, and the
// item is counted as the row has it. Expired items need no content.
func (s *State) Recount(now time.Time, content func(seq uint64) (item *Item, owed bool)) Recount {
	r := Recount{Counts: Counts{Categories: map[string]Tally{}}}
	for i := range s.Items {
		e := s.Items[i]
		if e.Expired(now) {
			continue
		}
		for _, m := range e.Group.earlier() {
			if item, owed := content(m.Seq); item == nil && !owed && !expired(m.ExpiresAt, now) {
				r.Missing = append(r.Missing, m.Seq)
			}
		}
		item, owed := content(e.Seq)
		if item == nil {
			if !owed {
				r.Missing = append(r.Missing, e.Seq)
				continue
			}
		} else if by := e.as(item); by != e {
			r.Differing = append(r.Differing, e.Seq)
			e = by
		}
		r.Add(&e, now)
	}
	return r
}

// as is e as its content has it.
func (e Entry) as(item *Item) Entry {
	e.Seq, e.Category, e.Priority = item.Seq, item.Category, item.Priority
	if e.Shared != nil {
		return e // its board says when it expires, whatever its sender has said
	}
	e.ExpiresAt = 0
	if !item.ExpiresAt.IsZero() {
		e.ExpiresAt = max(item.ExpiresAt.UnixMilli(), 1)
	}
	return e
}

// Drift is how far a badge is from the recount: by how many unread items, at
// least 1 if any of its numbers is wrong, 0 if all are right.
func (r *Recount) Drift(badge Counts) int {
	drift := badge.Unread - r.Unread
	if drift < 0 {
		drift = -drift
	}
	same := badge.Tally == r.Tally && badge.Urgent == r.Urgent && maps.Equal(badge.Categories, r.Categories)
	if drift == 0 && !same {
		return 1
	}
	return drift
}

// RefoldQuery says what to keep of a refold; all of the journal is folded whatever it is.
type RefoldQuery struct {
	Since time.Time // of the oldest step
	Most  int       // steps, the newest; 0 for some that suit a page
	Texts bool      // whether to keep titles
}
