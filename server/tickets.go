package server

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/belfry/belfry/server/wire"
)

const (
	// ticketLife is how long a ticket can be used.
	ticketLife = 30 * time.Second
	// ticketParameter carries one in the query of a stream.
	ticketParameter = "ticket"
	// maxSpent bounds how many spent tickets are remembered at a time, in two
	// generations.
	maxSpent = 1 << 16
	// spentGeneration is at least as long as a ticket can be used, other
	// servers' clocks included.
	spentGeneration = ticketLife + 2*DefaultLeeway
)

var (
	errTicket    = fmt.Errorf("%w, or a ticket of this installation", errUnauthenticated)
	errSpent     = fmt.Errorf("%w: the ticket has been used", errExpired)
	errNoTickets = errors.New("this server gives no tickets: it has neither a ticket secret nor a JWT secret to derive one from")
)

// ticketer is an Auth that has a secret for tickets, shared by all servers that
// accept the same callers.
type ticketer interface {
	ticketSecret() []byte // nil for none
}

// tickets gives and takes tickets: signed, short-lived words that open the
// stream of one user once, for an EventSource, which can send no header. Each
// server that has the secret takes them; that one was used is remembered by the
// server where that was. It is safe for concurrent use.
type tickets struct {
	key    []byte
	parser *jwt.Parser

	mu             sync.Mutex
	spent, earlier map[string]struct{} // by id; a ticket is in neither or in one
	turned         time.Time           // when spent began
}

// newTickets derives the key from secret, so that a secret which signs tokens
// too never makes a ticket that is a token, or the other way round. Without a
// secret it returns nil.
func newTickets(secret []byte) (*tickets, error) {
	if secret == nil {
		return nil, nil
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "belfry stream ticket 1", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive ticket key: %w", err)
	}
	return &tickets{
		key: key,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithExpirationRequired(),
			jwt.WithLeeway(DefaultLeeway),
		),
		spent: map[string]struct{}{},
	}, nil
}

// ticket is what a ticket says.
type ticket struct {
	jwt.RegisteredClaims
	// Until is the end of the token that it was asked for with, and so of the
	// stream; nil for none.
	Until *jwt.NumericDate `json:"until,omitempty"`
}

// give returns a ticket for the stream of user, which ends at until at the
// latest, or never if that is zero.
func (t *tickets) give(user string, until time.Time) (string, error) {
	c := ticket{RegisteredClaims: jwt.RegisteredClaims{
		ID: rand.Text(), Subject: user, ExpiresAt: jwt.NewNumericDate(time.Now().Add(ticketLife)),
	}}
	if !until.IsZero() {
		c.Until = jwt.NewNumericDate(until)
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(t.key)
	if err != nil {
		return "", fmt.Errorf("sign ticket: %w", err)
	}
	return signed, nil
}

// read returns what a ticket says, with errExpired if it was good once, or an
// error that matches errUnauthenticated.
func (t *tickets) read(raw string) (ticket, error) {
	var c ticket
	_, err := t.parser.ParseWithClaims(raw, &c, func(*jwt.Token) (any, error) { return t.key, nil })
	switch {
	case err != nil && !errors.Is(err, jwt.ErrTokenExpired), c.ID == "":
		return ticket{}, errTicket
	case err != nil:
		return c, errExpired
	}
	return c, nil
}

// spend returns nil the first time that it is called for an id in the life of a
// ticket. When there is no room to remember one it is refused: its owner can
// get another.
func (t *tickets) spend(id string, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.turned) >= spentGeneration {
		t.earlier, t.spent, t.turned = t.spent, map[string]struct{}{}, now
	}
	_, lately := t.spent[id]
	_, before := t.earlier[id]
	if lately || before || len(t.spent) >= maxSpent {
		return errSpent
	}
	t.spent[id] = struct{}{}
	return nil
}

func (c ticket) identity() identity {
	id := identity{subject: c.Subject}
	if c.Until != nil {
		id.until = c.Until.Time
	}
	return id
}

// ticketBody is the answer to who asks for a ticket.
type ticketBody struct {
	Ticket    string `json:"ticket"`
	ExpiresIn int    `json:"expires_in"` // seconds
}

// postTicket answers POST /v1/users/{user}/tickets.
func (s *Server) postTicket(w http.ResponseWriter, _ *http.Request, c call) error {
	if s.tickets == nil {
		return errNoTickets
	}
	signed, err := s.tickets.give(c.user, c.identity.until)
	if err != nil {
		return err
	}
	wire.Begin(w, "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	wire.WriteJSON(w, ticketBody{signed, int(ticketLife / time.Second)})
	return nil
}

// authorizeStream is authorize for a stream, which a ticket opens too. One that
// was used before is as good as expired. A token, where there is one, is all
// that counts.
func (s *Server) authorizeStream(r *http.Request) (call, error) {
	raw := r.URL.Query()[ticketParameter]
	if raw == nil || r.Header.Get("Authorization") != "" {
		return s.authorize(r, owner)
	}
	var t ticket
	c, err := s.authorizeAs(r, owner, func(*http.Request) (identity, error) {
		if s.tickets == nil || len(raw) > 1 {
			return identity{}, errTicket
		}
		var err error
		t, err = s.tickets.read(raw[0])
		return t.identity(), err
	})
	if err == nil {
		err = s.tickets.spend(t.ID, time.Now())
	}
	if isExpired(err) {
		// Of the ticket, whatever time its token has left.
		c.identity.until = time.Unix(0, 0)
	}
	return c, err
}
