package reach

import (
	"time"

	"github.com/belfry/belfry/inbox"
)

// Hold says what an item waits for.
type Hold string

// The values of Hold.
const (
	HoldDelay    Hold = "delay"     // the rule's delay, also when that is over
	HoldDigest   Hold = "digest"    // the rule's hour
	HoldQuiet    Hold = "quiet"     // the user's quiet hours
	HoldCap      Hold = "daily cap" // the channel's
	HoldReturned Hold = "returned"  // what was sent last has failed, and is tried again then
)

// Pending is an item that is to be told on a channel.
type Pending struct {
	Channel *Channel
	Seq     uint64
	At      time.Time // when it is due; it may have passed
	Hold    Hold      // what it waits for until then
	Passes  bool      // quiet hours do not hold it
	Digest  bool
}

// Due returns what is to be told of row, and when, as it is seen at now: on each channel
// of the policy the untold items that still count, in the order of channels and seqs. An
// item that expires before it is due is not among them. A nil policy has no channels.
func Due(user string, row *inbox.State, p *Policy, now time.Time) []Pending { return nil }

// Next returns the earliest instant at which one of them is due, and false for none.
func Next(pending []Pending) (at time.Time, ok bool) { return time.Time{}, false }

// Tells returns the tell records that are to be appended at now: one for each channel that
// has something due.
func Tells(user string, row *inbox.State, p *Policy, now time.Time) []inbox.Record { return nil }
