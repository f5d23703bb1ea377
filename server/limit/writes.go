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
	subjects *limiter
	pace     time.Duration // 0 is no limit
	burst    int
}

// NewWrites lets burst calls through at once and perSecond in the long run; a
// negative rate is no limit.
func NewWrites(perSecond float64, burst int) *Writes {
	w := &Writes{subjects: newLimiter(maxSubjects, true), burst: max(burst, 1)}
	if perSecond > 0 {
		w.pace = time.Duration(min(float64(time.Second)/perSecond, float64(longestBurst)/float64(w.burst)))
	}
	return w
}

// Take counts a call of subject, or returns a [TooMany] that matches ErrWrites.
// Without a subject nobody can be told apart.
func (w *Writes) Take(subject string, now time.Time) error {
	if subject == "" || w.pace == 0 {
		return nil
	}
	if wait := w.subjects.take(subject, w.pace, w.burst, now); wait > 0 {
		return &TooMany{ErrWrites, wait}
	}
	return nil
}
