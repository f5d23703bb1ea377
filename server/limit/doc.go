// Package limit bounds what callers may do to a server: how often a token's
// bearers write, how often a user's badge is polled, how many connections there
// are; and says by how much a busy server has clients slow down.
//
// It imports server/wire and Prometheus alone. Begin with limiter.go, which the
// writes and the polls are counted by; the server asks calls.go for each call
// that writes and polls.go for each poll. turns.go has connections of one address wait for
// each other, pace.go has their requests begin a few at a time, and work.go bounds what
// takes long.
package limit
