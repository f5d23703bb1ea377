package server

import (
	"net/http"
	"time"

	"github.com/gorilla/mux"
)

// guard decides who may make a call. It is safe for concurrent use.
type guard struct {
	auth    Auth
	Tickets *tickets // nil: none are given
}

// newGuard returns the guard of a server. Tickets are signed with ticketSecret,
// or with a secret derived from that of auth if it is nil: where there is neither,
// there are no tickets. A token that was found good is believed for trust without
// another look; 0 or less looks each time.
func newGuard(auth Auth, ticketSecret []byte, trust time.Duration) (*guard, error) {
	if t, ok := auth.(ticketer); ok && ticketSecret == nil {
		ticketSecret = t.ticketSecret()
	}
	tickets, err := newTickets(ticketSecret)
	if err != nil {
		return nil, err
	}
	return &guard{rememberTokens(auth, trust), tickets}, nil
}

// identify returns who sends r.
func (g *guard) identify(r *http.Request) (identity, error) { return g.auth.authenticate(r) }

// authorize returns the call that r makes, if who allows it. The order matters:
// only who is known is told that a user of the path cannot be one, and an
// expired token is told apart only for what it once allowed.
func (g *guard) authorize(r *http.Request, who policy) (call, error) {
	if who == nil {
		return call{}, nil
	}
	return g.authorizeAs(r, who, g.auth.authenticate)
}

// authorizeAs is authorize for a caller that is told by authenticate.
func (g *guard) authorizeAs(r *http.Request, who policy, authenticate func(*http.Request) (identity, error)) (call, error) {
	id, authErr := authenticate(r)
	if authErr != nil && !isExpired(authErr) {
		return call{}, authErr
	}
	c := call{identity: id}
	if segment, ok := mux.Vars(r)["user"]; ok {
		user, err := parseUser(segment)
		if err != nil && authErr != nil {
			return call{}, errUnauthenticated
		}
		if err != nil {
			return call{}, err
		}
		c.user = user
	}
	if err := who(c); err != nil {
		if authErr != nil {
			return call{}, errUnauthenticated
		}
		return call{}, err
	}
	return c, authErr
}

// authorizeStream is authorize for a stream, which a ticket opens too. One that
// was used before is as good as expired. A token, where there is one, is all
// that counts.
func (g *guard) authorizeStream(r *http.Request) (call, error) {
	raw := r.URL.Query()[ticketParameter]
	if raw == nil || r.Header.Get("Authorization") != "" {
		return g.authorize(r, owner)
	}
	var t ticket
	c, err := g.authorizeAs(r, owner, func(*http.Request) (identity, error) {
		if g.Tickets == nil || len(raw) > 1 {
			return identity{}, errTicket
		}
		var err error
		t, err = g.Tickets.read(raw[0])
		return t.identity(), err
	})
	if err == nil {
		err = g.Tickets.spend(t.ID, time.Now())
	}
	if isExpired(err) {
		// Of the ticket, whatever time its token has left.
		c.identity.until = time.Unix(0, 0)
	}
	return c, err
}

// giveTicket returns a ticket for the stream of c's user, or errNoTickets.
func (g *guard) giveTicket(c call) (string, error) {
	if g.Tickets == nil {
		return "", errNoTickets
	}
	return g.Tickets.give(c.user, c.identity.until)
}
