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

// ErrWrites is matched by the refusal of a call that writes.
var ErrWrites = errors.New("too many calls")

// Writes limits how often the bearers of a token subject write. It is safe for
// concurrent use.
type Writes struct {
	subjects         *limiter
	people, services allowance
}

// allowance is how much one subject may write.
type allowance struct {
	pace  time.Duration // 0 is no limit
	burst int
}

func newAllowance(perSecond float64, burst int) allowance {
	a := allowance{burst: max(burst, 1)}
	if perSecond > 0 {
		a.pace = time.Duration(min(float64(time.Second)/perSecond, float64(longestBurst)/float64(a.burst)))
	}
	return a
}

// NewWrites lets burst calls through at once and perSecond in the long run; a
// negative rate is no limit.
func NewWrites(perSecond float64, burst int) *Writes {
	a := newAllowance(perSecond, burst)
	return &Writes{subjects: newLimiter(maxSubjects, true), people: a, services: a}
}

// SetServices gives services an allowance of their own. It is called before the
// first Take.
func (w *Writes) SetServices(perSecond float64, burst int) {
	w.services = newAllowance(perSecond, burst)
}

// Take counts a call of subject, or returns a [TooMany] that matches ErrWrites.
// Without a subject nobody can be told apart.
func (w *Writes) Take(subject string, now time.Time) error { return w.take(subject, w.people, now) }

// TakeService is Take for a subject that is a service.
func (w *Writes) TakeService(subject string, now time.Time) error {
	return w.take(subject, w.services, now)
}

func (w *Writes) take(subject string, a allowance, now time.Time) error {
	if subject == "" || a.pace == 0 {
		return nil
	}
	if wait := w.subjects.take(subject, a.pace, a.burst, now); wait > 0 {
		return &TooMany{ErrWrites, wait}
	}
	return nil
}
