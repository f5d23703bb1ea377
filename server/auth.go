package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry"
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

// policy says who may make a call. It returns nil or an error that matches
// errForbidden.
type policy func(c call) error

// owner lets in the user of the path, and who may act for any user.
func owner(c call) error {
	if c.identity.all || c.identity.subject == c.user || c.identity.has(scopeAdmin) {
		return nil
	}
	return fmt.Errorf("%w: it is another user's, and has no scope %s", errForbidden, scopeAdmin)
}

// scoped lets in who has the scope.
func scoped(scope string) policy {
	return func(c call) error {
		if c.identity.has(scope) {
			return nil
		}
		return fmt.Errorf("%w: scope %s is required", errForbidden, scope)
	}
}

// open, a nil policy, lets in everybody, with or without a token.
var open policy

// authorize returns the call that r makes, if who allows it. The order matters:
// only who is known is told that a user of the path cannot be one, and an
// expired token is told apart only for what it once allowed.
func (s *Server) authorize(r *http.Request, who policy) (call, error) {
	if who == nil {
		return call{}, nil
	}
	return s.authorizeAs(r, who, s.config.Auth.authenticate)
}

// authorizeAs is authorize for a caller that is told by authenticate.
func (s *Server) authorizeAs(r *http.Request, who policy, authenticate func(*http.Request) (identity, error)) (call, error) {
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

// parseUser reads a path segment as it came: percent-encoded UTF-8.
func parseUser(segment string) (string, error) {
	user, err := url.PathUnescape(segment)
	if err == nil {
		err = belfry.CheckRecipient(user)
	}
	var fe *belfry.FieldError
	switch {
	case errors.As(err, &fe):
		return "", &belfry.FieldError{Field: "user", Problem: fmt.Sprintf("%.40q in the path %s", user, fe.Problem)}
	case err != nil:
		return "", &belfry.FieldError{Field: "user", Problem: "must be percent-encoded UTF-8"}
	}
	return user, nil
}

// admit has the Auth look at every request that comes in, if it wants to.
func (s *Server) admit(next http.Handler) http.Handler {
	a, ok := s.config.Auth.(admitter)
	if !ok {
		return next
	}
	refuse := s.instrument("none", s.answer(func(_ http.ResponseWriter, r *http.Request) error { return a.admit(r) }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.admit(r) != nil {
			refuse.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
