// Package timers does what is to be done at a time: when a user's row names one, it
// appends a touch to the user's journal once that time has come, so that the row is
// written again by its owner. It shows nothing and hides nothing: what a row shows
// is a function of the row and the clock, with a timer or without.
//
// A [Queue] holds the times of one process, for the partitions that it owns. They are
// kept nowhere else: the times are in the rows, and the local store has an index of
// them that a session begins with. A touch too many changes nothing.
//
// The package imports inbox, the root package and the standard library. Begin reading
// with queue.go.
package timers
