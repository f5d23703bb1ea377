// Package attack runs what an attacker would against a belfry that runs as a process
// of its own, within limits of memory and descriptors, and measures what that costs it
// and an honest user beside it. It is part of a program for people who work on Belfry.
//
// It knows Belfry from outside alone: HTTP, topics, flags. So it runs programs of other
// revisions as well. Begin with Run; requests.go, frames.go and records.go have the
// attacks.
package attack
