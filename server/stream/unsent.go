package stream

import "time"

// unsent is what the client of a connection has yet to take, and since when.
type unsent struct {
	header  []byte        // of the answer where nobody else writes it, until it is written
	rest    []byte        // of an event of which the client took a part
	stuck   time.Time     // since when the client takes not all it is offered; zero if it does
	retry   time.Duration // how long it was left alone last
	offerAt time.Time     // when it is offered again what it did not take
	ending  string        // why it ends once all is written
}

func (u *unsent) none() bool {
	return len(u.header)+len(u.rest) == 0 && u.stuck.IsZero() && u.ending == ""
}

// lend gives c the round's unsent, if it has none of its own, until keep.
func (r *round) lend(c *connection) {
	if c.unsent == nil {
		r.unsent = unsent{}
		c.unsent = &r.unsent
	}
}

// keep leaves c what is unsent after a round, for itself.
func (r *round) keep(c *connection) {
	switch {
	case c.none():
		c.unsent = nil
	case c.unsent == &r.unsent:
		own := r.unsent
		c.unsent = &own
	}
}
