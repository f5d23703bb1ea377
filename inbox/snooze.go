package inbox

import (
	"cmp"
	"slices"
	"time"
)

// Hidden reports whether e is not shown before its time, as seen at now.
func (e *Entry) Hidden(now time.Time) bool {
	return e.Until != 0 && e.Shown == 0 && e.Until > now.UnixMilli()
}

// Woken reports whether the wake of e has passed at now and no record has settled it.
func (e *Entry) Woken(now time.Time) bool {
	return e.Until != 0 && e.Shown == 0 && e.Until <= now.UnixMilli()
}

// Passed is how many of the instants of e, its expiry and its wake, have passed at now
// and are not settled. Of e it needs ExpiresAt, Until and Shown.
func (e *Entry) Passed(now time.Time) int {
	n := 0
	if e.Expired(now) {
		n++
	}
	if e.Woken(now) {
		n++
	}
	return n
}

// wake is the Until of e that no record has settled, or 0.
func (e *Entry) wake() int64 {
	if e.Shown != 0 {
		return 0
	}
	return e.Until
}

// NextWake returns the earliest wake that no record has settled, also one that has
// passed, in milliseconds since 1970; 0 if there is none. Then the row's owner appends a
// [KindTouch], until the row shows that it is settled.
func (s *State) NextWake() int64 {
	next := int64(0)
	for i := range s.Items {
		if at := s.Items[i].wake(); at != 0 && (next == 0 || at < next) {
			next = at
		}
	}
	return next
}

// settle notes in the row which wakes have passed: the items stand where they would if
// they came with this record, their flags as they are. An item that was born
// hidden arrives only now, and takes the item that it replaces.
func (f *folder) settle() {
	var woken []Entry
	for i := range f.s.Items {
		if e := &f.s.Items[i]; e.Until != 0 && e.Woken(f.in.Time) {
			woken = append(woken, *e)
		}
	}
	slices.SortFunc(woken, func(a, b Entry) int { return cmp.Or(cmp.Compare(a.Until, b.Until), cmp.Compare(a.Seq, b.Seq)) })
	for i := range woken {
		e, ok := f.s.Entry(woken[i].Seq)
		if !ok {
			continue // taken by one that woke before it
		}
		e.Shown, e.Version = f.s.Version, f.s.Version
		if !e.Born {
			continue
		}
		e.Born = false
		if at := f.mate(e); at >= 0 {
			own := *e
			at, _ = f.s.Find(own.Seq)
			f.s.Items = slices.Delete(f.s.Items, at, at+1)
			f.join(&own)
			f.insert(&own)
		}
	}
}

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

// snooze hides items. They come back unread, unless they are read meanwhile, and are the
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
		f.snoozed(e)
	}
	return Applied
}

// unsnooze shows what the user has hidden.
func (f *folder) unsnooze(r *Record) Outcome {
	outcome := Unchanged
	for _, seq := range r.Seqs {
		if e, ok := f.s.Entry(seq); ok && !e.Born && e.Hidden(f.in.Time) {
			e.Until, e.Shown, e.Version = f.in.Time.UnixMilli(), f.s.Version, f.s.Version
			f.since(e.Seq, e.Until)
			outcome = Applied
		}
	}
	return outcome
}
