package stream

import (
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/server/wire"
)

// connection is one open stream. It is kept small: a server has many thousands.
type connection struct {
	subscribers *subscribers
	address     netip.Addr
	prefer      wire.Languages
	lease       wire.Lease

	// Guarded by streams.mu.
	out     outlet // nil until it begins
	left    bool   // it is closed
	signals signal
	paced   bool      // its wakeAt is over, and it waits for its turn among many
	dueAt   time.Time // while place is not 0
	place   int       // in the clock, from 1

	// The rest belongs to the round that serves it.
	*unsent        // not nil within a round; otherwise nil for nothing
	chunked bool   // each frame travels as a chunk (RFC 9112 section 7.1)
	owed    signal // what is still to be done
	writing bool   // the outlet has yet to say that all is written
	forMany bool   // wakeAt is when a notice expires, and nothing else happens then
	at      standing
	pingAt  time.Time
	wakeAt  time.Time // when to look at the tables although they did not change; zero for never
}

const (
	// retryMin and retryMax are how long a client is left alone that had no
	// room for what it was offered.
	retryMin = 5 * time.Millisecond
	retryMax = 500 * time.Millisecond
)

func (s *Hub) newConnection(r *http.Request, address netip.Addr, lease wire.Lease) *connection {
	return &connection{
		prefer:  wire.ParseLanguages(r.Header.Get("Accept-Language")),
		lease:   lease,
		at:      stand(newProgress(cursorOf(r))),
		address: address,
	}
}

// due is when c is to be served although nothing happens, zero for never.
func (c *connection) due() time.Time {
	switch {
	case c.writing:
		return time.Time{} // the outlet signals
	case c.unsent != nil && !c.stuck.IsZero():
		return earlier(c.giveUp(), c.offerAt)
	}
	at := earlier(c.pingAt, c.lease.Until)
	if c.paced {
		return at
	}
	return earlier(at, c.wakeAt)
}

// expires reports whether nothing but the end of a notice wakes c at now, as it does all
// who have that. No round may be serving it.
func (c *connection) expires(now time.Time) bool {
	return c.forMany && (c.unsent == nil || c.stuck.IsZero()) && !c.writing && !now.Before(c.wakeAt) && now.Before(earlier(c.pingAt, c.lease.Until))
}

// giveUp is when a stuck client has had its time for one event.
func (c *connection) giveUp() time.Time {
	return c.stuck.Add(c.subscribers.hub.writeTimeout)
}

// serve does for c what is to be done after what happened, and returns why it
// has ended, "" if it goes on. It does not wait for the client.
func (c *connection) serve(what signal, r *round) (end string) {
	switch {
	case what.has(signalGone):
		return endGone
	case what.has(signalBroken):
		return endWrite
	case what.has(signalWrote):
		c.writing = false
	}
	c.owed |= what & (signalStart | signalTables | signalDrain)
	if c.writing {
		return ""
	}
	if len(c.rest) > 0 {
		if end, whole := c.flush(r); end != "" || !whole {
			return end
		}
	}
	for c.ending == "" {
		b := r.batch()
		if end := c.fill(b, r); end != "" {
			return end
		}
		end, more := c.offer(b, r)
		if end != "" {
			return end
		}
		if !more {
			break
		}
	}
	if c.writing || len(c.rest) > 0 {
		return ""
	}
	return c.ending
}

// fill puts into b what is to be sent to the client now.
func (c *connection) fill(b *batch, r *round) (end string) {
	first := c.owed.has(signalStart)
	if first {
		b.begin(c, wire.Soon())
	}
	switch {
	case c.owed.has(signalDrain):
		b.bye(c, wire.ByeDrain, wire.ByeDrain)
		return ""
	case c.lease.Over(r.now):
		b.bye(c, wire.ByeExpired, wire.ByeExpired)
		return ""
	case first || c.owed.has(signalTables) || !c.wakeAt.IsZero() && !r.now.Before(c.wakeAt):
		err := b.addDelta(c)
		switch {
		case errors.Is(err, belfry.ErrNotReady):
			b.bye(c, wire.ByeDrain, endNotReady)
			return ""
		case err != nil:
			r.hub.config.Logger.Error("row not read, its stream ends and the client comes again", "user_sha256", wire.Hashed(r.user), "err", err)
			b.bye(c, wire.ByeDrain, endError)
			return ""
		}
	}
	if r.now.Before(c.pingAt) {
		return ""
	}
	c.pingAt = r.now.Add(r.hub.pingEvery)
	if c.out.gone() {
		return endGone
	}
	b.ping(c)
	return ""
}

// offer gives b to the client and keeps in mind how much of it that took. It
// reports whether there is more for a client that has taken all.
func (c *connection) offer(b *batch, r *round) (end string, more bool) {
	if len(b.bytes) == 0 {
		c.settle(b, b.delivered(c.at.progress(), 0))
		return "", false
	}
	n, later, err := c.out.put(b.bytes)
	if err != nil {
		return endOf(err), false
	}
	c.settle(b, b.delivered(c.at.progress(), n))
	c.writing = later
	if n < len(b.bytes) {
		if n > 0 || c.stuck.IsZero() {
			c.stuck = r.now
		}
		return c.wait(r, n > 0), false
	}
	c.stuck, c.retry = time.Time{}, 0
	return "", !later && c.owed.has(signalTables)
}

// settle takes over what follows from the client having taken a part of b.
func (c *connection) settle(b *batch, d delivery) {
	r := b.round
	hub := r.hub
	switch {
	case b.delta == nil:
	case d.whole:
		if c.at.phase == phaseLive && c.at.delivered < d.at.delivered && d.at.delivered == r.row.Version && len(b.delta.events) > 0 {
			hub.metrics.delivered(r.row.ChangedAt, time.Now())
		}
		if b.delta.took != "" {
			hub.metrics.catchups.WithLabelValues(b.delta.took).Inc()
		}
		c.wakeAt = b.delta.wake
		c.forMany = d.at.until.IsZero() && expiresForMany(&r.row, c.wakeAt)
		c.owed &^= signalTables
	default:
		c.owed |= signalTables
	}
	c.at = stand(d.at)
	if hub.config.Pushed != nil {
		for _, item := range d.items {
			hub.config.Pushed(r.user, item.seq)
		}
	}
	if b.begun && len(d.events) > 0 {
		c.owed &^= signalStart
		c.header = nil
	}
	if len(d.rest) > 0 {
		c.rest = d.rest
	}
	all := len(d.events) == len(b.events)
	if b.ending != "" && all {
		c.ending = b.ending
	}
	if b.pinged && !all {
		c.pingAt = r.now // else nothing might be left to offer a client that is stuck
	}
	for _, e := range d.events {
		hub.metrics.event(e.name)
	}
}

// flush offers what is left of a frame and reports whether the client took it.
func (c *connection) flush(r *round) (end string, whole bool) {
	n, _, err := c.out.put(c.rest)
	if err != nil {
		return endOf(err), false
	}
	if c.rest = c.rest[n:]; len(c.rest) > 0 {
		return c.wait(r, n > 0), false
	}
	c.rest, c.stuck, c.retry = nil, time.Time{}, 0
	return "", true
}

// wait leaves the client alone for a time, a longer one each time that it took
// nothing, or gives it up.
func (c *connection) wait(r *round, took bool) (end string) {
	if !r.now.Before(c.giveUp()) {
		return endWrite
	}
	if c.retry = min(2*c.retry, retryMax); took || c.retry == 0 {
		c.retry = retryMin
	}
	c.offerAt = r.now.Add(c.retry)
	return ""
}

// endOf is why a stream ends that could not be written to.
func endOf(err error) string {
	if errors.Is(err, errGone) {
		return endGone
	}
	return endWrite
}

// errGone is matched by the error of an outlet whose client has closed it.
var errGone = errors.New("the client has gone")
