package senders

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// slots is how many messages may be under way to one origin that is not a relay.
	slots = 64
	// stuck is from when on a message under way says that its origin is slow: with all
	// slots taken by then, decisions are given back rather than wait behind it.
	stuck = 5 * time.Second
	// againAfter is when one that refused, and did not say for how long, is asked again.
	againAfter = 10 * time.Second
	// refusalsInRow is from how many users on, nobody accepted in between, an origin that
	// refuses single endpoints is taken to refuse all.
	refusalsInRow = 3
	// longestAlone is for how long an origin is left alone at most, whatever it says: one
	// endpoint's answer must not silence it for all others.
	longestAlone = 5 * time.Minute
	// maxOrigins bounds the origins that are remembered without anything under way: users
	// name the hosts of their endpoints.
	maxOrigins = 1000
)

// errOrigin says that an origin is not asked now.
var errOrigin = errors.New("the service is not asked now")

// origins knows which services are down or slow. One that gave no answer, or is
// unavailable, is asked by one decision at a time; the rest for it is not kept waiting,
// unless it is the relay that all go through. It is safe for concurrent use.
type origins struct {
	slots int
	relay bool

	mu    sync.Mutex
	all   map[string]*origin
	crowd int // from how many on some are forgotten
}

type origin struct {
	underWay map[*ask]time.Time // since when
	changed  chan struct{}      // closed when that shrinks or the trouble is over
	refused  []string           // users who were refused since somebody was accepted, refusalsInRow at most
	troubled bool
	since    time.Time // since when it is troubled
	cause    string    // what it said last
	probe    *decision // which alone may ask while troubled; nil: the first to ask becomes it
	until    time.Time // it wants to be left alone until then
}

// ask is a message under way.
type ask struct {
	origin string
	of     *decision
}

func (o *origins) of(name string) *origin {
	at := o.all[name]
	if at == nil {
		if o.all == nil || len(o.all) >= o.crowd {
			o.forget()
		}
		at = &origin{underWay: map[*ask]time.Time{}, changed: make(chan struct{})}
		o.all[name] = at
	}
	return at
}

// forget makes room for a quarter of maxOrigins, or as many again as are asked now: it
// keeps those that are in trouble as far as there is room for them.
func (o *origins) forget() {
	kept, alone := map[string]*origin{}, map[string]*origin{}
	now := time.Now()
	for name, at := range o.all {
		switch {
		case len(at.underWay) > 0 || at.probe != nil:
			kept[name] = at
		case at.troubled && at.until.After(now):
			alone[name] = at
		}
	}
	o.crowd = max(maxOrigins, 2*len(kept))
	for name, at := range alone {
		if len(kept) >= maxOrigins*3/4 {
			break
		}
		kept[name] = at
	}
	o.all = kept
}

// take waits until the decision may ask the origin, until end at the latest, and returns
// what give gets. The error is that of ctx, or [errOrigin] with the time before which
// asking is of no use. A relay is waited for whatever is the matter with it.
func (o *origins) take(ctx context.Context, name string, d *decision, end time.Time) (*ask, time.Time, error) {
	told := false
	for {
		o.mu.Lock()
		at, now := o.of(name), time.Now()
		wake, cause := end, ""
		switch {
		case o.relay && now.Before(end) && at.troubled && (at.until.After(now) || at.probe != nil && at.probe != d):
			cause = at.cause
			if at.until.After(now) {
				wake = at.until
			}
		case !now.Before(end),
			at.troubled && at.probe != nil && at.probe != d,
			at.troubled && at.probe == nil && at.until.After(now),
			at.until.After(end),
			!o.relay && len(at.underWay) >= o.slots && at.isStuck(now):
			until := at.until
			o.mu.Unlock()
			return nil, until, errOrigin
		case at.until.After(now):
			wake = at.until
		case len(at.underWay) >= o.slots:
			wake = now.Add(time.Second)
		default:
			if at.troubled {
				at.probedBy(d)
			}
			a := &ask{name, d}
			at.underWay[a] = now
			o.mu.Unlock()
			if told {
				d.waits(nil)
			}
			return a, time.Time{}, nil
		}
		changed := at.changed
		o.mu.Unlock()
		if cause != "" && !told {
			told = true
			d.waits(fmt.Errorf("server %s does not work: %s", name, cause))
		}
		timer := time.NewTimer(min(time.Until(wake), time.Until(end)))
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, time.Time{}, ctx.Err()
		}
		timer.Stop()
	}
}

func (a *origin) isStuck(now time.Time) bool {
	for _, since := range a.underWay {
		if now.Sub(since) >= stuck {
			return true
		}
	}
	return false
}

// put ends a take without having asked.
func (o *origins) put(a *ask) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := o.of(a.origin)
	delete(at.underWay, a)
	at.wake()
}

// give ends a take with what the origin said, and returns when it is to be asked again
// by this decision. An answer for which the origin was not asked tells nothing of it.
func (o *origins) give(a *ask, said Answer) (again time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at, now := o.of(a.origin), time.Now()
	delete(at.underWay, a)
	wait := said.Wait
	if wait == 0 {
		wait = againAfter
	}
	again = now.Add(wait)
	down := said.Result == Unanswered || said.Result == Unreachable || said.Result == Unavailable || o.relay && said.Result == Unauthorized
	switch {
	case said.Unasked:
	case down:
		at.cause = string(said.Result) + ", " + said.Detail
		at.trouble(a.of, now.Add(min(wait, longestAlone)))
	case said.Result == Limited:
		// It is the endpoint that is refused, as far as one user can tell.
		if len(at.refused) < refusalsInRow && !slices.Contains(at.refused, a.of.user) {
			at.refused = append(at.refused, a.of.user)
		}
		if len(at.refused) >= refusalsInRow {
			at.trouble(a.of, now.Add(min(wait, window)))
		}
	default:
		at.troubled, at.probe, at.refused, at.until = false, nil, nil, time.Time{}
	}
	at.wake()
	return again
}

func (a *origin) trouble(d *decision, until time.Time) {
	if !a.troubled {
		a.troubled, a.since = true, time.Now()
	}
	if a.probe == nil {
		a.probedBy(d)
	}
	if a.probe == d || until.After(a.until) {
		a.until = until
	}
}

// down is for how long an origin has not worked, 0 for one that does.
func (o *origins) down(name string) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if at := o.all[name]; at != nil && at.troubled {
		return time.Since(at.since)
	}
	return 0
}

// leave tells that a decision has ended: another may ask in its place.
func (o *origins) leave(d *decision) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, at := range d.probes {
		if at.probe == d {
			at.probe = nil
			at.wake()
		}
	}
	d.probes = nil
}

func (a *origin) probedBy(d *decision) {
	if a.probe != d {
		a.probe = d
		d.probes = append(d.probes, a)
	}
}

func (a *origin) wake() {
	close(a.changed)
	a.changed = make(chan struct{})
}
