package ops

import (
	"net/http"
	"sync"
	"time"

	"github.com/belfry/belfry/server/wire"
)

const (
	eventOverview = "overview"
	// viewerTimeout is how long a viewer may take to accept one overview.
	viewerTimeout = 10 * time.Second
	// maxViewers is how many may look at one server's ops page at once.
	maxViewers = 64
)

// overviews sends overviews to all who look at the ops page. One that was made
// is sent to all of them, and none is made while nobody looks: there is no
// goroutine but those of the viewers' requests. It is safe for concurrent use.
type overviews struct {
	every time.Duration
	build func(now time.Time) overview

	drained chan struct{} // closed by drain
	drain   func()

	mu      sync.Mutex
	viewers int
	latest  []byte // as it stands on the wire
	at      time.Time
}

func newOverviews(every time.Duration, build func(time.Time) overview) *overviews {
	o := &overviews{every: every, build: build, drained: make(chan struct{})}
	o.drain = sync.OnceFunc(func() { close(o.drained) })
	return o
}

// Stream sends overviews until the client goes, the lease ends or the server drains.
func (s *Calls) Stream(w http.ResponseWriter, r *http.Request, lease wire.Lease) {
	s.overviews.serve(w, r, lease)
}

// Drain ends the streams of overviews. Calling it again does no harm.
func (s *Calls) Drain() { s.overviews.drain() }

func (o *overviews) serve(w http.ResponseWriter, r *http.Request, lease wire.Lease) {
	wire.SetStreamHeader(w.Header())
	w.WriteHeader(http.StatusOK)
	v := viewer{w: w, control: http.NewResponseController(w)}
	switch {
	case lease.Over(time.Now()):
		v.bye(wire.ByeExpired)
		return
	case !o.enter():
		v.bye(wire.ByeLimit)
		return
	}
	defer o.leave()
	var expiry <-chan time.Time
	if !lease.Until.IsZero() {
		timer := time.NewTimer(time.Until(lease.Until))
		defer timer.Stop()
		expiry = timer.C
	}
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	v.write(wire.AppendRetry(nil, wire.Soon()))
	for v.err == nil {
		frame, err := o.frame(time.Now())
		if err != nil {
			return
		}
		v.write(frame)
		select {
		case <-tick.C:
			if lease.Over(time.Now()) {
				v.bye(wire.ByeExpired)
				return
			}
		case <-r.Context().Done():
			return
		case <-expiry:
			v.bye(wire.ByeExpired)
			return
		case <-o.drained:
			v.bye(wire.ByeDrain)
			return
		}
	}
}

func (o *overviews) enter() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.viewers >= maxViewers {
		return false
	}
	o.viewers++
	return true
}

func (o *overviews) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.viewers--; o.viewers == 0 {
		o.latest = nil
	}
}

// frame returns the latest overview, a new one if that has got old. A viewer that
// comes while it is made waits for it.
func (o *overviews) frame(now time.Time) ([]byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	// Tickers are not exact.
	if o.latest != nil && now.Sub(o.at) < o.every*9/10 {
		return o.latest, nil
	}
	b, err := wire.Event{Name: eventOverview, Data: o.build(now)}.Append(nil)
	if err != nil {
		return nil, err
	}
	o.latest, o.at = b, now
	return b, nil
}

// viewer is an open page for operators.
type viewer struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error // of the client that has gone or reads too slowly
}

func (v *viewer) write(b []byte) {
	// Recorders of tests have no deadlines.
	_ = v.control.SetWriteDeadline(time.Now().Add(viewerTimeout))
	if _, v.err = v.w.Write(b); v.err == nil {
		v.err = v.control.Flush()
	}
}

func (v *viewer) bye(reason string) { v.write(wire.AppendBye(nil, reason)) }
