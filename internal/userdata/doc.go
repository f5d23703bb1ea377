// Package userdata reads from Kafka what the tables hold of one user, or of one partition
// with its notice board, for commands that look at it once.
//
// It imports engine, codec, inbox, internal/options and the root package. Begin reading
// with [Read].
package userdata
