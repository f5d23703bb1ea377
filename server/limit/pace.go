package limit

import (
	"context"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/belfry/belfry/internal/breath"
	"github.com/belfry/belfry/internal/cpus"
)

const (
	// paceFree is how many requests of one address are at work, a processor, before
	// others are let in between them: those are worked off in less than a millisecond.
	paceFree = 16
	// paceSteps is how many more of them begin at a stretch, a processor, and how often
	// its connections bring in more meanwhile.
	paceSteps = 8
	// paceStretch is how long a stretch lasts at most: an address that takes no more
	// steps within it is held up by nothing.
	paceStretch = time.Millisecond
)

// pace lets others in between the requests of one address. Go's scheduler has one queue
// for all that can run, and looks for what came over the network once that is empty, or
// each ten milliseconds: requests that come by the hundred at once would all be worked
// off before another one is noticed. A breath after a few of them lets the queue run
// empty. It is safe for concurrent use.
type pace struct {
	working atomic.Int64 // requests that have begun and not ended

	next  *semaphore.Weighted // has one turn, during a breath too: the steps behind it wait
	began time.Time           // of the stretch
	taken float64             // steps of it
}

func newPace() *pace { return &pace{next: semaphore.NewWeighted(1)} }

// step waits until the next step may be taken, if many requests are at work.
func (p *pace) step() {
	if p.working.Load() > int64(paceFree*cpus.Count()) {
		p.take(1)
	}
}

// waste waits until what comes to nothing may be worked off.
func (p *pace) waste(cost time.Duration) { p.take(float64(cost) / float64(refusalWaste)) }

// take waits until so many steps may be taken.
func (p *pace) take(steps float64) {
	_ = p.next.Acquire(context.Background(), 1) // which has no end
	defer p.next.Release(1)
	if now := time.Now(); now.Sub(p.began) > paceStretch {
		p.began, p.taken = now, 0
	}
	if p.taken += steps; p.taken > float64(paceSteps*cpus.Count()) {
		breath.Take()
		p.began, p.taken = time.Now(), steps
	}
}

// serve has next answer r once it may begin.
func (p *pace) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	p.working.Add(1)
	defer p.working.Add(-1)
	p.step()
	next.ServeHTTP(w, r)
}

// paceKey is where the context of a request has its pace, if its connection stands for many.
type paceKey struct{}

// Idle tells that the request of ctx has nothing to do until over is called: it is none of
// those at work. Streams are not, nor is who waits for a version.
func Idle(ctx context.Context) (over func()) {
	p, ok := ctx.Value(paceKey{}).(*pace)
	if c, direct := ctx.Value(connectionKey{}).(*turnsConn); direct {
		p, ok = c.crowd.pace, true
	}
	if !ok {
		return func() {}
	}
	p.working.Add(-1)
	return func() { p.working.Add(1) }
}

// Paced has next begin on the requests of one address a few at a time, if it has many at
// work, so that others' are noticed in between. address is whom a request is from if its
// connection is one of those that stand for many.
func (t *Turns) Paced(address func(*http.Request) netip.Addr, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connectionKey{}).(*turnsConn); ok {
			// The turn ends here: a body that the handler does not read yet, or never,
			// would keep it for as long as that takes. Over HTTP/2 somebody reads on.
			if r.ProtoMajor < 2 {
				c.leave()
			}
			c.begin(r)
			c.crowd.pace.serve(next, w, r)
			return
		}
		household := householdOf(address(r))
		defer t.addresses.part(household)
		p := t.addresses.join(household).pace
		p.serve(next, w, r.WithContext(context.WithValue(r.Context(), paceKey{}, p)))
	})
}
