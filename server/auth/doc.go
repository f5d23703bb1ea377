// Package auth says who sends a request and what they may do: bearer tokens
// (JWT, from a secret or a key set), tickets for streams, scopes.
//
// It imports server/wire and the domain (belfry). Begin with guard.go, which the
// server asks about each call; auth.go has what an Authenticator is.
package auth
