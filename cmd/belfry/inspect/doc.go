// Package inspect is the command "belfry inspect": what one user has, why by the
// journal (journal.go), and whether all rows are what their items say (audit.go).
//
// It reads topics and changes nothing, and imports no command. Begin reading
// with [Command].
package inspect
