// Package servertest is what the tests of the server's packages share: a journal
// and both tables in memory, records to append, and a client of streams.
//
// It imports the domain (belfry, inbox, lag). Begin with tables.go.
package servertest
