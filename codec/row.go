package codec

import (
	"fmt"

	"github.com/belfry/belfry/inbox"
)

// RowVersion returns the [inbox.State].Version of an encoded row without
// decoding the rest of it, for guards against rows that go back. A nil error
// does not mean that [DecodeState] would take the row. Errors match
// [belfry.ErrCorrupt] or [belfry.ErrNewerFormat].
func RowVersion(b []byte) (uint64, error) {
	h, err := readHead(b, 0)
	if err != nil {
		return 0, err
	}
	return h.version, nil
}

// RowPlace returns the [inbox.State].Epoch, Base and Version of an encoded row. It is
// as [RowVersion] otherwise.
func RowPlace(b []byte) (epoch uint32, base, version uint64, err error) {
	h, err := readHead(b, 0)
	return h.epoch, h.base, h.version, err
}

// NotOlder reports whether the encoded row next may take the place of row old:
// whether its version is not lower. It keeps a row from going back, which a late
// write of a paused owner would do. A row whose version cannot be read, an empty
// one too, takes no part: the newer bytes win, and reading them tells what is
// wrong.
func NotOlder(old, next []byte) bool {
	was, err := RowVersion(old)
	if err != nil {
		return true
	}
	is, err := RowVersion(next)
	return err != nil || is >= was
}

// checkState returns what is wrong with s: something that no history of
// records leads to, and that would make what is derived from it wrong.
func checkState(s *inbox.State) error {
	if s.Base > s.Version || s.Horizon > s.Version {
		return fmt.Errorf("version %d below base %d or horizon %d", s.Version, s.Base, s.Horizon)
	}
	var last uint64
	for i := range s.Items {
		e := &s.Items[i]
		if e.Seq <= last {
			return fmt.Errorf("item %d after item %d", e.Seq, last)
		}
		last = e.Seq
		switch {
		case e.Version < e.Seq || e.Version > s.Version:
			return fmt.Errorf("item %d of version %d in a row of version %d", e.Seq, e.Version, s.Version)
		case e.Read && !e.Seen:
			return fmt.Errorf("item %d is read but not seen", e.Seq)
		// An item that was hidden can have replaced one that came after it, and may be hidden again.
		// The item that a notice replaced is the board's, and not stored.
		case e.Shared == nil && (e.Replaces != 0 && e.Replaces == e.Seq || e.Replaces > s.Version || e.Replaces > e.Seq && e.Shown == 0 && e.Until == 0):
			return fmt.Errorf("item %d replaces item %d", e.Seq, e.Replaces)
		case e.Unarchived > e.Version:
			return fmt.Errorf("item %d of version %d unarchived at %d", e.Seq, e.Version, e.Unarchived)
		case e.Count == 0:
			return fmt.Errorf("item %d has count 0", e.Seq)
		case !validPriority(e.Priority):
			return fmt.Errorf("item %d has priority %d", e.Seq, e.Priority)
		case e.Shared != nil && (e.Hash != 0 || e.Collapse != 0 || e.Group != nil || e.Born):
			return fmt.Errorf("item %d is a notice with what is a user's own", e.Seq)
		}
	}
	last = 0
	for _, r := range s.Removals {
		if r.Version < last || r.Version > s.Version {
			return fmt.Errorf("removal at version %d after one at %d in a row of version %d", r.Version, last, s.Version)
		}
		last = r.Version
		if r.Seq > r.Version {
			return fmt.Errorf("removal of item %d at version %d", r.Seq, r.Version)
		}
		if r.Shared && (r.Hash != 0 || r.Seq == 0) {
			return fmt.Errorf("removal of notice %d with hash %#x", r.Seq, r.Hash)
		}
	}
	if err := checkTimes(s); err != nil {
		return err
	}
	if err := checkTopics(s); err != nil {
		return err
	}
	return checkReach(s)
}
