// Package server is Belfry's HTTP side: the badge by poll, the inbox as a list,
// both live as a stream, and the calls that write.
//
// # How an answer comes about
//
// Every server reads two tables that hold all users ([Rows], [Items]), so any
// server serves any user and servers never talk to each other. A server may be
// behind what a client has seen on another one. A request therefore says what
// its client knows (If-None-Match, min_version, a stream's cursor), waits up to
// 2 s for the table to show at least that, and is refused otherwise: what a
// client sees never goes back.
//
// Writing is appending to the [Journal]. A call that changes a user's inbox
// answers once the table shows the change (read-your-writes).
//
// # Where things are
//
// routes.go has every path with who may call it, and middleware.go what a request
// passes before it gets there. Handlers return errors; problem.go alone turns them
// into answers (RFC 9457). Otherwise a file is one call; a new one
// begins as the handler example shows.
//
// Rooms of their own: auth (who may call), limit (how often), listen (TLS and
// sockets), ops (the page for operators), stream (open streams), wire (what
// answers look like), lagpage (lag for Prometheus). The package knows no Kafka:
// it imports them, the sources' envelopes and the domain. Begin with routes.go.
package server
