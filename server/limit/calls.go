package limit

import (
	"errors"
	"time"
)

const (
	// maxSubjects bounds how many token subjects are told apart at a time.
	maxSubjects = 1 << 14
	// longestBurst bounds the time that a burst stands for, so that a rate of
	// almost nothing stays a time.
	longestBurst = 100 * 365 * 24 * time.Hour
)

// Matched by the refusals of calls that write, of lists and exports, and of streams.
var (
	ErrWrites  = errors.New("too many calls")
	ErrLists   = errors.New("too many lists or exports")
	ErrOpening = errors.New("too many streams are opened")
)

// Calls limits how often the bearers of a token subject make calls of one sort. It is
// safe for concurrent use.
type Calls struct {
	of               error
	subjects         *limiter
	people, services Allowance
}

// Allowance is how often one subject may call.
type Allowance struct {
	pace  time.Duration // 0 is no limit
	burst int
}

// NewAllowance lets burst calls through at once and perSecond in the long run; a
// negative rate is no limit.
func NewAllowance(perSecond float64, burst int) Allowance {
	a := Allowance{burst: max(burst, 1)}
	if perSecond > 0 {
		a.pace = time.Duration(min(float64(time.Second)/perSecond, float64(longestBurst)/float64(a.burst)))
	}
	return a
}

// NewCalls returns the limits of people and of services; refusals match of.
func NewCalls(of error, people, services Allowance) *Calls {
	return &Calls{of: of, subjects: newLimiter(maxSubjects, true), people: people, services: services}
}

// Take counts a call of subject, which may be a service, as cost calls, or returns a
// [TooMany]. Without a subject nobody can be told apart.
func (c *Calls) Take(subject string, service bool, cost int, now time.Time) error {
	a := c.allowance(service)
	if subject == "" || a.pace == 0 {
		return nil
	}
	if wait := c.subjects.take(subject, a.pace*time.Duration(cost), max(a.burst/cost, 1), now); wait > 0 {
		return &TooMany{c.of, wait}
	}
	return nil
}

// Charge counts a call that was taken as cost calls more, which may take the subject
// beyond its burst: it waits for that before the next one.
func (c *Calls) Charge(subject string, service bool, cost int, now time.Time) {
	if a := c.allowance(service); subject != "" && a.pace > 0 && cost > 0 {
		c.subjects.add(subject, a.pace*time.Duration(cost), now)
	}
}

// Check returns a [TooMany] if calls of subject that were charged took it beyond its burst.
// A call that was taken beside them and has waited since does no work then.
func (c *Calls) Check(subject string, service bool, now time.Time) error {
	a := c.allowance(service)
	if subject == "" || a.pace == 0 {
		return nil
	}
	if over := c.subjects.owed(subject, now) - a.pace*time.Duration(a.burst); over > 0 {
		return &TooMany{c.of, over + a.pace}
	}
	return nil
}

func (c *Calls) allowance(service bool) Allowance {
	if service {
		return c.services
	}
	return c.people
}
