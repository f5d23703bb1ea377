// Package demo is the command "belfry demo": a node on the embedded broker, with
// senders that write sample events (traffic.go) and users who read, archive and
// delete over the public API (people.go).
//
// It does nothing that a program of others could not do, and imports no command.
// Begin reading with [Command].
package demo
