package auth

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/belfry/belfry/internal/recent"
	"github.com/golang-jwt/jwt/v5"
)

const (
	// TicketLife is how long a ticket can be used.
	TicketLife = 30 * time.Second
	// ticketParameter carries one in the query of a stream.
	ticketParameter = "ticket"
	// maxSpent bounds how many spent tickets are remembered at a time, in two
	// generations.
	maxSpent = 1 << 16
	// spentGeneration is at least as long as a ticket can be used, other
	// servers' clocks included.
	spentGeneration = TicketLife + 2*DefaultLeeway
)

var (
	errTicket    = fmt.Errorf("%w, or a ticket of this installation", ErrUnauthenticated)
	errSpent     = fmt.Errorf("%w: the ticket has been used", errExpired)
	ErrNoTickets = errors.New("this server gives no tickets: it has neither a ticket secret nor a JWT secret to derive one from")
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
	verifier
	claims  *jwt.Validator
	started time.Time // what was given before may have been used here before

	mu     sync.Mutex
	spent  *recent.Map[string, struct{}] // by id
	turned time.Time                     // when its younger generation began
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
		verifier: verifier{methods: []string{jwt.SigningMethodHS256.Alg()}, secret: key},
		claims:   jwt.NewValidator(jwt.WithExpirationRequired(), jwt.WithLeeway(DefaultLeeway)),
		started:  time.Now().Truncate(jwt.TimePrecision),
		spent:    recent.New[string, struct{}](maxSpent),
	}, nil
}

// ticket is what a ticket says.
type ticket struct {
	jwt.RegisteredClaims
	// Until is the end of the token that it was asked for with, and so of the
	// stream; nil for none.
	Until *jwt.NumericDate `json:"until,omitempty"`
	// Signer is whose key that token was signed with; "" for a secret.
	Signer string `json:"signer,omitempty"`
}

// give returns a ticket for the stream of user, which ends with the token of id.
func (t *tickets) give(user string, id Identity) (string, error) {
	now := time.Now()
	c := ticket{RegisteredClaims: jwt.RegisteredClaims{
		ID: rand.Text(), Subject: user, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(TicketLife)),
	}}
	if !id.Until.IsZero() {
		c.Until = jwt.NewNumericDate(id.Until)
	}
	if id.signer != nil {
		c.Signer = id.signer.id
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(t.secret)
	if err != nil {
		return "", fmt.Errorf("sign ticket: %w", err)
	}
	return signed, nil
}

// read returns what a ticket says, with errExpired if it was good once, or an
// error that matches errUnauthenticated.
func (t *tickets) read(raw string) (ticket, error) {
	var c ticket
	token, _, err := t.verify(context.Background(), raw) // which asks nobody for a key
	if err == nil {
		err = readClaims(token, &c, t.claims)
	}
	switch {
	case err != nil && !errors.Is(err, jwt.ErrTokenExpired), c.ID == "":
		return ticket{}, refused(errTicket, "ticket: "+tokenReason(err), nil)
	case err != nil:
		return c, refused(errExpired, "the ticket has expired", nil)
	case c.IssuedAt == nil || c.IssuedAt.Before(t.started):
		return c, refused(errSpent, "the ticket is older than this server, which may have taken it before it was started again", nil)
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
		t.spent.Turn()
		t.turned = now
	}
	if _, spent := t.spent.Get(id); spent || t.spent.Full() {
		return errSpent
	}
	t.spent.Put(id, struct{}{})
	return nil
}

func (c ticket) identity() Identity {
	id := Identity{Subject: c.Subject}
	if c.Until != nil {
		id.Until = c.Until.Time
	}
	return id
}
