// Package wire is how requests are read and what answers look like: badges,
// items, entity tags, languages, events of a stream, and how far a recovery has
// come. The lists, the streams and the ops page share it.
//
// It imports the domain (belfry, inbox) alone. Begin with badge.go and item.go,
// which are what clients see.
package wire
