package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// The scopes that a token may have besides being its subject's own.
const (
	scopeNotify = "belfry:notify" // write notifications, read badges of many
	scopeAdmin  = "belfry:admin"  // act for any user, erase
	scopeOps    = "belfry:ops"    // read figures of the installation
)

// Auth tells who sends a request. It is made by [JWT] or [NoAuth] and safe for
// concurrent use.
type Auth interface {
	// authenticate returns who sends r, or an error that matches
	// errUnauthenticated. With an error that matches errExpired as well the
	// identity is that of the token, which was good once. Errors hold nothing
	// of the token.
	authenticate(r *http.Request) (identity, error)
}

// admitter is an Auth that asks something of every request, those to open
// paths too.
type admitter interface {
	// admit returns nil for a request that may go on.
	admit(r *http.Request) error
}

// identity is who sends a request.
type identity struct {
	subject string    // as the token says it; "" without authentication
	scopes  []string  // of a token
	all     bool      // may do everything
	until   time.Time // end of the token; zero for none
}

func (id identity) has(scope string) bool {
	return id.all || slices.Contains(id.scopes, scope)
}

// source is the source of what the caller sends without naming one.
func (id identity) source() string {
	if id.subject == "" {
		return "local"
	}
	return id.subject
}

var (
	errUnauthenticated = errors.New("a valid bearer token is required")
	errExpired         = fmt.Errorf("%w: this one has expired", errUnauthenticated)
	errForbidden       = errors.New("the token does not allow this")
	errMisdirected     = errors.New("without authentication the Host must be a loopback name such as localhost")
)

func isExpired(err error) bool { return errors.Is(err, errExpired) }
