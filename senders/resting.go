package senders

import (
	"sync"
	"time"

	"github.com/belfry/belfry/internal/recent"
)

// restingKept is how many endpoints a generation of them holds.
const restingKept = 16_384

// resting are endpoints that want to be left alone for longer than a decision tries. The
// row has one time for a whole channel, the first at which anybody may be asked: without
// this a later decision, made for the sake of another endpoint, would ask these too soon.
// A process that has just started does not know of them. It is safe for concurrent use.
type resting struct {
	mu    sync.Mutex
	until *recent.Map[place, time.Time]
}

// place is an endpoint of a user.
type place struct {
	user     string
	endpoint uint64
}

func newResting() *resting {
	return &resting{until: recent.New[place, time.Time](restingKept)}
}

// rest has an endpoint left alone.
func (r *resting) rest(user string, endpoint uint64, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until.Put(place{user, endpoint}, until)
}

// over is when an endpoint may be asked again, zero if that is not known.
func (r *resting) over(user string, endpoint uint64) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	until, _ := r.until.Get(place{user, endpoint})
	return until
}
