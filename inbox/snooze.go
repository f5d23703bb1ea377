package inbox

import (
	"slices"
	"time"
)

// Snoozing is what a snooze does to a row.
type Snoozing struct {
	Hides []uint64 // the named seqs that it hides, in order
	// Expiring are the named seqs that expire at that time or before: they are left
	// alone, since they would never show again.
	Expiring []uint64
	// Full: more than MaxHidden items would be hidden, so that it changes nothing.
	Full bool
}

// Snooze returns what a snooze of seqs until a time, in milliseconds since 1970, does to
// s at now.
func (s *State) Snooze(seqs []uint64, until int64, now time.Time) Snoozing {
	return s.snoozing(seqs, until, now, MaxHidden)
}

func (s *State) snoozing(seqs []uint64, until int64, now time.Time, most int) Snoozing {
	var out Snoozing
	total := s.HiddenCount(now)
	for _, seq := range seqs {
		e, ok := s.Entry(seq)
		switch {
		case !ok || e.Expired(now) || slices.Contains(out.Hides, seq) || slices.Contains(out.Expiring, seq):
		case e.ExpiresAt != 0 && e.ExpiresAt <= until:
			out.Expiring = append(out.Expiring, seq)
		default:
			out.Hides = append(out.Hides, seq)
			if !e.Hidden(now) {
				total++
			}
		}
	}
	out.Full = len(out.Hides) > 0 && until > now.UnixMilli() && total > most
	return out
}

// HiddenCount is how many items of s are hidden at now.
func (s *State) HiddenCount(now time.Time) int {
	n := 0
	for i := range s.Items {
		if s.Items[i].Hidden(now) {
			n++
		}
	}
	return n
}

// snooze hides items. They come back unread, as if they had just arrived, and are the
// user's own then, also those that their sender has hidden.
func (f *folder) snooze(r *Record) Outcome {
	does := f.s.snoozing(r.Seqs, r.Until, f.in.Time, f.limits().hidden)
	switch {
	case does.Full:
		return Full
	case len(does.Hides) == 0:
		return Unchanged
	}
	f.moved = true
	for _, seq := range does.Hides {
		e, _ := f.s.Entry(seq)
		e.Until, e.Shown, e.Version = max(r.Until, 0), 0, f.s.Version
		if r.Until <= f.in.Time.UnixMilli() {
			e.Shown = f.s.Version
		}
		e.Read, e.Seen, e.Archived, e.Muted, e.Born = false, false, false, false, false
	}
	return Applied
}

// unsnooze shows what the user has hidden.
func (f *folder) unsnooze(r *Record) Outcome {
	outcome := Unchanged
	for _, seq := range r.Seqs {
		if e, ok := f.s.Entry(seq); ok && !e.Born && e.Hidden(f.in.Time) {
			e.Until, e.Shown, e.Version = f.in.Time.UnixMilli(), f.s.Version, f.s.Version
			outcome = Applied
		}
	}
	return outcome
}
