// Package check compares what happened in a run with what the journal says must
// have been: every answer, list, frame, row and offset, each in a file of its
// name.
//
// It imports the domain, codec and chaos/history, and asks nothing of a running
// process. Begin reading with [Check]; [Explain] prints one user's history.
package check
