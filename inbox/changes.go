package inbox

import "time"

// Changes is what a client that knew a version must be told to know the row.
// All of it is absolute, never a difference: applying it twice does no harm.
type Changes struct {
	// Items are the items that the client cannot have: new, replacing another,
	// shown again, back from the archive, or with other people. Those whose wake is not
	// settled are always among them: it has no version. By rising seq; pointers into the State.
	Items []*Entry
	// The items that it has and that changed, by seq. A changed item is in Read or
	// in Unread; in Seen as well if it was shown and is not read; in Archived
	// as well if it is put away.
	Read, Unread, Seen, Archived []uint64
	// Removed are the seqs that are gone, expired and hidden ones included.
	Removed []uint64
}

// HasState reports whether there is anything to tell but items.
func (c *Changes) HasState() bool {
	return len(c.Read)+len(c.Unread)+len(c.Archived)+len(c.Removed) > 0
}

// Since returns what changed in s after version, as seen at now. Items that s
// holds although they expired are always in Removed: their expiry has no
// version. It reports false if the client must read the inbox again, because
// removals after version have been forgotten. That goes for version 0 too: a
// batch from it that was cut short may have shown what is now gone.
func (s *State) Since(version uint64, now time.Time) (Changes, bool) {
	var c Changes
	if version < s.Horizon {
		return c, false
	}
	// All of them, those the client cannot have seen too: a batch that was cut
	// short may have shown it items after its cursor.
	for _, r := range s.Removals {
		if r.Version > version && r.Seq != 0 {
			c.Removed = append(c.Removed, r.Seq)
		}
	}
	for i := range s.Items {
		e := &s.Items[i]
		switch {
		case e.Expired(now):
			c.Removed = append(c.Removed, e.Seq)
		case e.Hidden(now):
			if e.Version > version {
				c.Removed = append(c.Removed, e.Seq)
			}
		case e.Woken(now):
			c.Items = append(c.Items, e)
		case e.Version <= version:
		case max(e.Seq, e.Unarchived, e.Shown, e.Group.cut(), e.Shared.place()) > version:
			c.Items = append(c.Items, e)
		default:
			c.change(e)
		}
	}
	return c, true
}

func (c *Changes) change(e *Entry) {
	switch {
	case e.Read:
		c.Read = append(c.Read, e.Seq)
	case e.Seen:
		c.Unread = append(c.Unread, e.Seq)
		c.Seen = append(c.Seen, e.Seq)
	default:
		c.Unread = append(c.Unread, e.Seq)
	}
	if e.Archived {
		c.Archived = append(c.Archived, e.Seq)
	}
}
