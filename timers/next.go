package timers

import "slices"

// Hold says what a user's next message waits for.
type Hold uint8

// holds are the names of holds, as reach.Hold has them; that of 0 is unknown.
func holds() []string { return []string{"", "delay", "digest", "quiet", "daily cap", "returned"} }

// HoldOf returns the hold of that name, 0 for one that is not known.
func HoldOf(name string) Hold { return Hold(max(slices.Index(holds(), name), 0)) }

// String returns its name.
func (h Hold) String() string {
	if names := holds(); int(h) < len(names) {
		return names[h]
	}
	return ""
}

// Next is when a user is to be told of something outside of the inbox, in milliseconds
// since 1970, 0 for never, and what it waits for until then.
type Next struct {
	At   int64
	Hold Hold
}
