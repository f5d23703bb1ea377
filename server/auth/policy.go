package auth

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/belfry/belfry"
)

// Call is what a handler knows of its caller.
type Call struct {
	Identity Identity
	User     string // the user of the path, checked; "" for paths without one
}

// Policy says who may make a call. It returns nil or an error that matches
// errForbidden.
type Policy func(c Call) error

// Owner lets in the user of the path, and callers that may act for any user.
func Owner(c Call) error {
	if c.Identity.All || c.Identity.Subject == c.User || c.Identity.Has(ScopeAdmin) {
		return nil
	}
	return fmt.Errorf("%w: it is another user's, and has no scope %s", ErrForbidden, ScopeAdmin)
}

// Scoped lets in callers that have the scope.
func Scoped(scope string) Policy {
	return func(c Call) error {
		if c.Identity.Has(scope) {
			return nil
		}
		return fmt.Errorf("%w: scope %s is required", ErrForbidden, scope)
	}
}

// Any lets in whom one of the policies lets in. Its error is that of the first one.
func Any(first Policy, others ...Policy) Policy {
	return func(c Call) error {
		err := first(c)
		for _, other := range others {
			if err == nil {
				break
			}
			if other(c) == nil {
				return nil
			}
		}
		return err
	}
}

// Open, a nil policy, lets in everybody, with or without a token.
var Open Policy

// parseUser reads a path segment as it came: percent-encoded UTF-8.
func parseUser(segment string) (string, error) {
	user, err := url.PathUnescape(segment)
	if err == nil {
		err = belfry.CheckRecipient(user)
	}
	var fe *belfry.FieldError
	switch {
	case errors.As(err, &fe):
		return "", belfry.Invalid("user", "%.40q in the path %s", user, fe.Problem)
	case err != nil:
		return "", &belfry.FieldError{Field: "user", Problem: "must be percent-encoded UTF-8"}
	}
	return user, nil
}
