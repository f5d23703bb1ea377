// Package deadletters is the command "belfry dead-letters": list, show, replay
// and purge, each in a file of its name.
//
// It prints what package deadletter/replay finds, and imports no command. Begin
// reading with [Command].
package deadletters
