// Package history is what a chaos run has recorded: what was sent, done, polled,
// listed and streamed, and the truth that the journal and tables hold at the end.
//
// It imports the domain. Begin reading with [History].
package history
