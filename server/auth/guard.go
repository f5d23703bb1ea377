package auth

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"

	"github.com/gorilla/mux"
)

// Guard decides who may make a call. It is safe for concurrent use.
type Guard struct {
	auth    Authenticator
	Tickets *tickets // nil: none are given
	keys    *Keys    // nil: none are published
	log     *slog.Logger
}

// NewGuard returns the guard of a server. Tickets are signed with ticketSecret,
// or with a secret derived from that of auth if it is nil: where there is neither,
// there are no tickets. A token that was found good is believed for trust without
// another look; 0 or less looks each time. Log gets the reason of each refusal of a
// token or ticket, at the level debug; nil discards it.
func NewGuard(auth Authenticator, ticketSecret []byte, trust time.Duration, log *slog.Logger) (*Guard, error) {
	log = cmp.Or(log, slog.New(slog.DiscardHandler))
	if t, ok := auth.(ticketer); ok && ticketSecret == nil {
		ticketSecret = t.ticketSecret()
	}
	tickets, err := newTickets(ticketSecret)
	if err != nil {
		return nil, err
	}
	g := &Guard{auth: rememberTokens(auth, trust), Tickets: tickets, log: log}
	if p, ok := auth.(interface{ published() *Keys }); ok {
		g.keys = p.published()
	}
	return g, nil
}

// OnWithdrawn has f called after a key was withdrawn that tokens are signed with: what
// is open for their bearers has a [wire.Lease] that is over. It is called once.
func (g *Guard) OnWithdrawn(f func()) {
	if g.keys != nil {
		g.keys.onWithdrawn(f)
	}
}

// Identify returns who sends r.
func (g *Guard) Identify(r *http.Request) (Identity, error) { return g.auth.authenticate(r) }

// Authorize returns the call that r makes, if who allows it. The order matters:
// only a known caller learns that a user of the path cannot be one, and an expired
// token is answered as such only for what it once allowed.
func (g *Guard) Authorize(r *http.Request, who Policy) (Call, error) {
	if who == nil {
		return Call{}, nil
	}
	return g.authorizeAs(r, who, g.auth.authenticate)
}

// authorizeAs is Authorize for a caller whom authenticate identifies.
func (g *Guard) authorizeAs(r *http.Request, who Policy, authenticate func(*http.Request) (Identity, error)) (Call, error) {
	id, authErr := authenticate(r)
	if authErr != nil {
		logRefusal(g.log, authErr)
	}
	if authErr != nil && !IsExpired(authErr) {
		return Call{}, authErr
	}
	c := Call{Identity: id}
	if segment, ok := mux.Vars(r)["user"]; ok {
		user, err := parseUser(segment)
		if err != nil && authErr != nil {
			return Call{}, ErrUnauthenticated
		}
		if err != nil {
			return Call{}, err
		}
		c.User = user
	}
	if err := who(c); err != nil {
		if authErr != nil {
			return Call{}, ErrUnauthenticated
		}
		return Call{}, err
	}
	return c, authErr
}

// AuthorizeStream is authorize for a stream, which a ticket opens too. One that
// was used before is as good as expired. A token, where there is one, is all
// that counts. Who may open it is asked for by admit, whose error is returned; a ticket is not
// used by that.
func (g *Guard) AuthorizeStream(r *http.Request, admit func(Identity) error) (Call, error) {
	raw := r.URL.Query()[ticketParameter]
	if headers := r.Header["Authorization"]; raw == nil || len(headers) > 1 || r.Header.Get("Authorization") != "" {
		return g.AuthorizeAdmitted(r, Owner, admit)
	}
	var t ticket
	c, err := g.authorizeAs(r, Owner, func(*http.Request) (Identity, error) {
		if g.Tickets == nil || len(raw) > 1 {
			return Identity{}, errTicket
		}
		var err error
		t, err = g.Tickets.read(raw[0])
		id := t.identity()
		if err == nil && t.Signer != "" {
			if g.keys != nil {
				id.signer = g.keys.current().signer(t.Signer)
			}
			if id.signer == nil {
				err = refused(errExpired, "the key of the token that the ticket was got with is withdrawn", nil)
			}
		}
		return id, err
	})
	if err == nil {
		err = admit(c.Identity)
	}
	if err == nil {
		if err = g.Tickets.spend(t.ID, time.Now()); err != nil {
			logRefusal(g.log, err)
		}
	}
	if IsExpired(err) {
		// Of the ticket, whatever time its token has left.
		c.Identity.Until = time.Unix(0, 0)
	}
	return c, err
}

// AuthorizeAdmitted is Authorize for a call that admit has to let in too.
func (g *Guard) AuthorizeAdmitted(r *http.Request, who Policy, admit func(Identity) error) (Call, error) {
	c, err := g.Authorize(r, who)
	if err == nil {
		err = admit(c.Identity)
	}
	return c, err
}

// Ticket returns a ticket for the stream of c's user, or errNoTickets.
func (g *Guard) Ticket(c Call) (string, error) {
	if g.Tickets == nil {
		return "", ErrNoTickets
	}
	return g.Tickets.give(c.User, c.Identity)
}
