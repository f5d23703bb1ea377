// Package stream keeps the open streams of a server (Server-Sent Events): what
// each client was delivered, and what is to be sent to it next.
//
// It imports server/wire and the domain (belfry, inbox), and reads the tables
// through interfaces of its own (config.go). Begin with hub.go; what a client is
// sent is decided in progress.go, a pure function of a row and what the client
// knows. round.go, delta.go and batch.go encode that once for all streams of a
// user, connection.go offers it to one client.
package stream
