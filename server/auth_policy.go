package server

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/belfry/belfry"
)

// call is what a handler knows of its caller.
type call struct {
	identity identity
	user     string // the user of the path, checked; "" for paths without one
}

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
