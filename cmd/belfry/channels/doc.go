// Package channels is the command "belfry channels": a channels file is checked as a
// processor reads it. It imports what programs are made of, and reach with its rooms.
// Begin reading with check.go.
package channels
