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
			at, _ = f.s.find(own.Seq)
			f.s.Items = slices.Delete(f.s.Items, at, at+1)
			f.join(&own)
			f.insert(&own)
		}
	}
}
