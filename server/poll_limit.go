package server

import (
	"errors"
	"hash/maphash"
	"strconv"
	"sync"
	"time"

	"github.com/belfry/belfry/server/auth"
)

// The rule for polls. A user's clients are told to ask once an interval
// (X-Poll-Interval). That is a hint: a user may have many clients, pages are
// loaded again, and a client may not know the hint. A refused poll is one that no
// sensible set of clients does: a user may ask at once pollBurst times, and then
// pollClients times an interval.
const (
	pollBurst   = 120
	pollClients = 20 // as many as a user may have streams
	// maxPollers is how many users are counted at most: those who have asked in
	// the last few seconds. While there are more, newcomers are not counted.
	maxPollers = 1 << 16
)

// errPollExcess is returned for a poll beyond the rule.
var errPollExcess = errors.New("this user's badge is asked for far more often than X-Poll-Interval says")

// pollLimit holds each user to the rule. It knows of a user one time, that at
// which the polls so far would have come at the pace allowed (the generic cell
// rate algorithm of ITU-T I.371): if it is past, there is nothing to know. The
// methods are safe for concurrent use.
type pollLimit struct {
	seed maphash.Seed
	max  int // users

	mu    sync.Mutex
	due   map[uint64]time.Time // by the user's hash
	swept time.Time
}

func newPollLimit() *pollLimit {
	return &pollLimit{seed: maphash.MakeSeed(), max: maxPollers, due: map[uint64]time.Time{}}
}

// take counts a poll of user at now and returns 0, or how long to wait for the
// next one. A refused poll does not count.
func (l *pollLimit) take(user string, interval time.Duration, now time.Time) (wait time.Duration) {
	pace := interval / pollClients
	key := maphash.String(l.seed, user)
	l.mu.Lock()
	defer l.mu.Unlock()
	due, known := l.due[key]
	if !known && len(l.due) >= l.max && !l.sweep(now) {
		return 0
	}
	if due.Before(now) {
		due = now
	}
	if ahead := due.Sub(now); ahead > pace*(pollBurst-1) {
		return ahead - pace*(pollBurst-1)
	}
	l.due[key] = due.Add(pace)
	return 0
}

// sweep forgets users there is nothing to know of, and reports whether there is
// room. It looks at all of them, so not more than once a second.
func (l *pollLimit) sweep(now time.Time) bool {
	if now.Sub(l.swept) < time.Second {
		return false
	}
	l.swept = now
	for key, due := range l.due {
		if !due.After(now) {
			delete(l.due, key)
		}
	}
	return len(l.due) < l.max
}

// limitPoll counts a poll of a user's badge and returns 0, or how long its
// client has to wait. A caller that may ask for anybody's is a service that knows what it
// does: it is not held to the rule, and takes none of the user's polls away.
func (s *Server) limitPoll(user string, id auth.Identity, interval time.Duration, now time.Time) time.Duration {
	if id.All || id.Has(auth.ScopeAdmin) {
		return 0
	}
	return s.pollLimit.take(user, interval, now)
}

// refusePoll returns errPollExcess for a poll that is too many, and says when to
// come again.
func (s *Server) refusePoll(c auth.Call) error {
	interval := s.load.interval(s.config.PollInterval)
	if wait := s.limitPoll(c.User, c.Identity, interval, time.Now()); wait > 0 {
		return &tooMany{errPollExcess, wait}
	}
	return nil
}

// seconds is d as a header has it, rounded up.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
