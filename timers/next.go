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

// Wait is what a user's next message waits for, and on which channel: the number of that in
// the policy, from 1; 0 is unknown.
type Wait struct {
	Hold    Hold
	Channel uint8
}

// holdBits is how much of [Wait.Byte] the hold takes.
const holdBits = 3

// Byte is w in one byte, as an index of rows keeps it.
func (w Wait) Byte() uint8 { return w.Channel<<holdBits | uint8(w.Hold) }

// WaitOf is what [Wait.Byte] returned it for.
func WaitOf(b uint8) Wait { return Wait{Hold: Hold(b & (1<<holdBits - 1)), Channel: b >> holdBits} }

// Next is when a user is to be told of something outside of the inbox, in milliseconds
// since 1970, 0 for never, and what it waits for until then.
type Next struct {
	At int64
	Wait
}
