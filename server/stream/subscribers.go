package stream

import (
	"errors"
	"runtime/debug"
	"slices"
	"time"

	"github.com/belfry/belfry/internal/cpus"
	"github.com/belfry/belfry/server/wire"
)

// signal is what happened to a stream since it was last served, as a set.
type signal uint8

const (
	signalStart  signal = 1 << iota // it is new
	signalTables                    // the user's part of the tables changed
	signalTime                      // it is due by the clock
	signalDrain                     // it is to say bye
	signalWrote                     // what its outlet took is written
	signalBroken                    // what its outlet took could not be written
	signalGone                      // its client has gone
)

func (g signal) has(one signal) bool { return g&one != 0 }

// subscribers are the streams of one user. They are served together, so that the
// tables are read once for all, and by one worker at a time.
type subscribers struct {
	hub  *Hub
	user string

	// Guarded by streams.mu.
	connections []*connection
	restUntil   time.Time // not to be served before; zero for at once
	// urgent is the highest seq of an urgent item whose content has come and that
	// has not been shown yet; 0 for none.
	urgent  uint64
	queued  bool // in a lane, or to be put back into one
	serving bool
	// noticed: nothing but the notice board has changed since it was served, so that it
	// is queued behind others.
	noticed bool
	pacing  bool  // it waits for its turn to be queued, see Hub.pace
	place   place // in a lane
}

// longRound is from when on a round counts as long. After one its subscribers rest
// for as long: a user with very many streams takes no more than half of what one
// worker can do, and is sent several changes at once instead.
const longRound = time.Millisecond

// has reports whether a stream of user is open.
func (s *Hub) has(user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subscribers[user] != nil
}

// changed is called for each change of the tables: of user's row, or of a content of
// theirs; "" is everybody. User goes by the urgent lane until a round has shown the item of
// seq urgent, if that is not 0. Its row may have yet to come. It does not wait for any
// client.
func (s *Hub) changed(user string, urgent uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if user == "" {
		for _, a := range s.subscribers {
			a.changed(0)
		}
	} else if a := s.subscribers[user]; a != nil {
		a.changed(urgent)
	}
}

// changed is that of the hub, with streams.mu held.
func (a *subscribers) changed(urgent uint64) {
	if urgent > a.urgent {
		a.urgent = urgent
		a.hub.ready.hurry(a)
	}
	a.mark()
	a.hub.enqueue(a)
}

// mark notes for all streams of a that the tables have changed, with streams.mu held.
func (a *subscribers) mark() {
	conflated := 0
	for _, c := range a.connections {
		if c.signals.has(signalTables) {
			conflated++
		}
		c.signals |= signalTables
	}
	if conflated > 0 {
		a.hub.metrics.conflated.Add(float64(conflated))
	}
}

// remove takes c out, with streams.mu held.
func (a *subscribers) remove(c *connection) {
	i := slices.Index(a.connections, c)
	last := len(a.connections) - 1
	a.connections[i] = a.connections[last]
	a.connections[last] = nil
	a.connections = a.connections[:last]
}

// workersMax is how many users are served at once. Workers don't wait for
// clients, but may for the disk.
func workersMax() int { return max(4, 2*cpus.Count()) }

// enqueue has a served, with s.mu held. Workers live as long as there is
// something to do.
func (s *Hub) enqueue(a *subscribers) {
	if a.noticed {
		a.noticed = false
		s.ready.hurry(a)
	}
	s.queue(a)
}

// queue is enqueue without a say in which lane a belongs to.
func (s *Hub) queue(a *subscribers) {
	if a.queued {
		return
	}
	a.queued = true
	if !a.serving { // else it is put back when that is done
		s.makeReady(a)
	}
}

// makeReady puts a into the queue as soon as it has rested, with s.mu held.
func (s *Hub) makeReady(a *subscribers) {
	if !a.restUntil.IsZero() {
		if rest := time.Until(a.restUntil); rest > 0 {
			time.AfterFunc(rest, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.makeReady(a)
			})
			return
		}
	}
	s.ready.push(a)
	if s.workers < s.workersMax {
		s.workers++
		go s.work()
	}
}

// signal marks c: something happened to it. It does not wait for any client.
func (s *Hub) signal(c *connection, what signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.signals |= what
	if !c.left {
		s.enqueue(c.subscribers)
	}
}

// wrote signals that what the outlet of c took is written, or could not be.
func (s *Hub) wrote(c *connection, err error) {
	switch {
	case err == nil:
		s.signal(c, signalWrote)
	case errors.Is(err, errGone):
		s.signal(c, signalGone)
	default:
		s.signal(c, signalBroken)
	}
}

// begin has c served from now on.
func (s *Hub) begin(c *connection, out outlet) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c.out, c.pingAt = out, now.Add(s.pingEvery)
	c.signals |= signalStart
	s.enqueue(c.subscribers)
}

// work serves users until none is ready.
func (s *Hub) work() {
	r, _ := s.rounds.Get().(*round)
	if r == nil {
		r = &round{hub: s}
	}
	defer s.rounds.Put(r)
	s.mu.Lock()
	for a := s.ready.pop(); a != nil; a = s.ready.pop() {
		s.serveRound(a, r)
	}
	s.workers--
	s.mu.Unlock()
}

// serveRound serves the streams of a to which something happened, with s.mu held,
// which it gives up meanwhile.
func (s *Hub) serveRound(a *subscribers, r *round) {
	a.queued, a.noticed, a.serving = false, false, true
	urgent, contents := a.urgent, s.notices.contents
	r.turns = r.turns[:0]
	for _, c := range a.connections {
		if c.signals != 0 && c.out != nil {
			r.turns = append(r.turns, turn{connection: c, signals: c.signals})
			c.signals, c.paced = 0, false
		}
	}
	s.mu.Unlock()
	r.begin(a.user)
	for i := range r.turns {
		t := &r.turns[i]
		t.end = r.serve(t.connection, t.signals)
	}
	s.mu.Lock()
	a.restUntil = time.Time{}
	if a.urgent == urgent && r.row.Version >= urgent {
		a.urgent = 0
	}
	if took := time.Since(r.now); took > longRound {
		a.restUntil = time.Now().Add(took)
	}
	for i := range r.turns {
		t := &r.turns[i]
		if t.end != "" {
			s.leave(t.connection, t.end)
		} else {
			s.schedule(t.connection)
		}
		*t = turn{}
	}
	s.await(a, contents)
	// Not before: what has a served again until here puts it into a lane below, once.
	a.serving = false
	if a.queued {
		s.makeReady(a)
	}
}

// turn is one stream that is served in a round.
type turn struct {
	connection *connection
	signals    signal
	end        string // why it ended; "" if it goes on
}

// serve is connection.serve, and ends the stream for a panic, which would
// otherwise end the server: unlike a handler's, nobody else would catch it.
func (r *round) serve(c *connection, what signal) (end string) {
	defer func() {
		if v := recover(); v != nil {
			r.hub.config.Logger.Error("panic in a stream, which ends and whose client comes again", "user_sha256", wire.Hashed(r.user), "value", v, "stack", string(debug.Stack()))
			end = endError
		}
	}()
	r.lend(c)
	end = c.serve(what, r)
	r.keep(c)
	return end
}

// schedule has the clock wake c when it is next due, with s.mu held.
func (s *Hub) schedule(c *connection) {
	if !c.left {
		s.clock.set(c, c.due(), s.tick)
	}
}

// tick serves the streams that are due, those for which a notice ends at its pace.
func (s *Hub) tick() {
	for s.tickSome() {
	}
}

// tickSome serves a part of the streams that are due, and reports whether there are more.
func (s *Hub) tickSome() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, n := time.Now(), 0
	for c := range s.clock.passed(now) {
		c.signals |= signalTime
		if a := c.subscribers; a.serving || !c.expires(now) {
			s.enqueue(a)
		} else {
			c.paced = true
			s.schedule(c) // a ping meanwhile, or the end of its lease
			s.pace(a)
		}
		if n++; n == wakeMost {
			return true
		}
	}
	s.clock.wind(s.tick)
	return false
}
