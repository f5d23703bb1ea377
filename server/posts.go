package server

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxSubjects bounds how many token subjects are told apart at a time.
const maxSubjects = 1 << 14

var errTooMany = errors.New("too many calls")

// tooMany is an errTooMany that knows when the next call would be taken.
type tooMany struct{ after time.Duration }

func (e *tooMany) Error() string {
	return fmt.Sprintf("%s: wait %s s before the next one", errTooMany, retrySeconds(e))
}

func (e *tooMany) Unwrap() error { return errTooMany }

// retrySeconds is the Retry-After of an error, rounded up.
func retrySeconds(err error) string {
	seconds := int64(1)
	if e, ok := errors.AsType[*tooMany](err); ok {
		seconds = max(1, int64((e.after+time.Second-1)/time.Second))
	}
	return strconv.FormatInt(seconds, 10)
}

// posts bounds how often the bearers of a token subject write, by a bucket for
// each of them. It is safe for concurrent use.
type posts struct {
	rate  rate.Limit
	burst int

	mu       sync.Mutex
	subjects map[string]*rate.Limiter
	swept    time.Time // when idle subjects were last dropped
}

// newPosts returns posts that let burst calls through at once and perSecond in
// the long run; a negative rate is no limit.
func newPosts(perSecond float64, burst int) *posts {
	p := &posts{rate: rate.Limit(perSecond), burst: burst, subjects: map[string]*rate.Limiter{}}
	if perSecond < 0 {
		p.rate = rate.Inf
	}
	return p
}

// take takes a call of subject out of its bucket, or returns an error that
// matches errTooMany. Without a subject nobody can be told apart.
func (p *posts) take(subject string, now time.Time) error {
	if subject == "" || p.rate == rate.Inf {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.subjects[subject]
	if !ok {
		if len(p.subjects) >= maxSubjects {
			p.makeRoom(now)
		}
		l = rate.NewLimiter(p.rate, p.burst)
		p.subjects[subject] = l
	}
	r := l.ReserveN(now, 1)
	if after := r.DelayFrom(now); after > 0 {
		r.CancelAt(now)
		return &tooMany{after}
	}
	return nil
}

// makeRoom drops the subjects whose bucket is full, which are as good as new,
// though not more often than once a second; failing that any one, who gains one
// burst by it.
func (p *posts) makeRoom(now time.Time) {
	if now.Sub(p.swept) >= time.Second {
		p.swept = now
		for subject, l := range p.subjects {
			if l.TokensAt(now) >= float64(p.burst) {
				delete(p.subjects, subject)
			}
		}
	}
	for subject := range p.subjects {
		if len(p.subjects) < maxSubjects {
			return
		}
		delete(p.subjects, subject)
	}
}
