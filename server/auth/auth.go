package auth

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/belfry/belfry/server/wire"
)

// The scopes that a token may have besides being its subject's own.
const (
	ScopeNotify  = "belfry:notify"  // write notifications, read badges of many, say where users are reached
	ScopeAdmin   = "belfry:admin"   // act for any user, erase, see contents
	ScopeOps     = "belfry:ops"     // read figures of the installation
	ScopeDeliver = "belfry:deliver" // see what is to be sent to a user, and where

	ScopeBroadcast = "belfry:broadcast" // write notices to everybody or to a topic, and see what became of them
)

// Authenticator tells who sends a request. It is made by [NewJWT] or [None] and safe
// for concurrent use.
type Authenticator interface {
	// authenticate returns the sender of r, or an error that matches
	// errUnauthenticated. With an error that matches errExpired as well the
	// identity is that of the token, which was good once. Errors hold nothing
	// of the token.
	authenticate(r *http.Request) (Identity, error)
}

// Admitter is an Auth that asks something of every request, those to open
// paths too.
type Admitter interface {
	// Admit returns nil for a request that may go on.
	Admit(r *http.Request) error
}

// Identity is who sends a request.
type Identity struct {
	Subject string    // as the token says it; "" without authentication
	scopes  []string  // of a token
	sources []string  // that it may name; patterns
	limited bool      // by sources
	All     bool      // may do everything
	Until   time.Time // end of the token, leeway included; zero for none
	signer  *signer   // whose key the token was signed with; nil for a secret
}

// Lease is for how long the caller may have a stream.
func (id Identity) Lease() wire.Lease {
	l := wire.Lease{Until: id.Until}
	if id.signer != nil {
		l.Withdrawn = &id.signer.withdrawn
	}
	return l
}

func (id Identity) Has(scope string) bool {
	return id.All || slices.Contains(id.scopes, scope)
}

// Source is the source of what the caller sends without naming one.
func (id Identity) Source() string {
	if id.Subject == "" {
		return "local"
	}
	return id.Subject
}

var (
	ErrUnauthenticated = errors.New("a valid bearer token is required")
	errExpired         = fmt.Errorf("%w: this one has expired", ErrUnauthenticated)
	ErrForbidden       = errors.New("the token does not allow this")
	ErrMisdirected     = errors.New("without authentication the Host must be a loopback name such as localhost")
)

func IsExpired(err error) bool { return errors.Is(err, errExpired) }
