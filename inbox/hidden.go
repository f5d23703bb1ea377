package inbox

import "time"

// Hidden reports whether e is not shown before its time, as seen at now.
func (e *Entry) Hidden(now time.Time) bool { return e.Shown == 0 && e.Until > now.UnixMilli() }

// Woken reports whether the wake of e has passed at now and no record has settled it.
func (e *Entry) Woken(now time.Time) bool {
	return e.Shown == 0 && e.Until > 0 && e.Until <= now.UnixMilli()
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
