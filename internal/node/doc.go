// Package node wires one serving process: processors, views, upkeep, lag and
// the HTTP server, with what each tells the others, and the order in which they
// start and end.
//
// It imports every service and is imported by programs alone. Begin reading
// with [Run].
package node
