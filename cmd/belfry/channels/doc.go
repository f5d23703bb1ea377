// Package channels has the command belfry channels: a channels file is checked as a
// processor reads it.
package channels
