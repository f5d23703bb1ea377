package limit

import (
	"errors"
	"time"
)

// The rule for polls. A user's clients are told to ask once an interval
// (X-Poll-Interval). That is a hint: a user may have many clients, pages are
// loaded again, and a client may not know the hint. A refused poll is one that no
// sensible set of clients does: a user may ask at once PollBurst times, and then
// PollClients times an interval.
const (
	PollBurst   = 120
	PollClients = 20 // as many as a user may have streams
	// maxPollers is how many users are counted at most: those who have asked in
	// the last few seconds. While there are more, newcomers are not counted.
	maxPollers = 1 << 16
)

// ErrPolls is matched by the refusal of a poll beyond the rule.
var ErrPolls = errors.New("this user's badge is asked for far more often than X-Poll-Interval says")

// Polls holds each user to the rule. It is safe for concurrent use.
type Polls struct{ users *limiter }

// NewPolls returns Polls that know of nobody.
func NewPolls() *Polls { return &Polls{newLimiter(maxPollers, false)} }

// Take counts a poll of user's badge at now and returns 0, or how long to wait
// for the next one. A refused poll does not count.
func (p *Polls) Take(user string, interval time.Duration, now time.Time) (wait time.Duration) {
	return p.users.take(user, interval/PollClients, PollBurst, now)
}
