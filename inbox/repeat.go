package inbox

// Repeat says how a notification that is dropped as a [Duplicate] relates to the one
// that the row knows by its id.
type Repeat uint8

// The values of Repeat.
const (
	// NoRepeat is one that a router has written again, or no duplicate at all.
	NoRepeat Repeat = iota
	// SameID is another record with the same id. A row holds no content: it may be
	// the same event sent again, or another one whose id is not its own.
	SameID
	// OtherContent is another record with the same id whose category, priority or
	// collapse key differs from the retained item's: another event.
	OtherContent
)

// repeats tells how the notification of r, which is known by its hash and was not routed
// before, relates to what the row knows of it.
func (s *State) repeats(r *Record, hash uint64) Repeat {
	n := &r.Notification
	for i := range s.Items {
		e := &s.Items[i]
		if e.Hash != hash {
			continue
		}
		if e.Category != n.Category || e.Priority != n.Priority || e.Collapse != r.collapse(n.CollapseKey) {
			return OtherContent
		}
		return SameID
	}
	for _, rm := range s.Removals {
		// One without a seq was retracted before it came, or came too late.
		if rm.Hash == hash && rm.Seq != 0 {
			return SameID
		}
	}
	return NoRepeat
}
