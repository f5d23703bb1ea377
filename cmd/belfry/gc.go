package main

import "runtime/debug"

// processorGCPercent lets the heap of a process that only runs processors grow
// further between collections than Go's default of 100: it keeps little for
// long, and a fifth of its time went into collecting (docs/bench).
const processorGCPercent = 200

// tuneGC leaves alone what the environment says (GOGC, GOMEMLIMIT).
func tuneGC(env func(string) (string, bool)) {
	_, percent := env("GOGC")
	_, limit := env("GOMEMLIMIT")
	if !percent && !limit {
		debug.SetGCPercent(processorGCPercent)
	}
}
