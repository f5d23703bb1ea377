// Package bench measures Belfry and its peers as they are run for real: as
// processes on a Kafka that somebody else runs, under a steady load, with faults
// in between. A peer is any program that takes the flags of `belfry processor`
// for brokers, prefix, state folder and metrics, and does the same job; one run
// measures all of them in turn, so that nothing but the program differs.
//
// It does not use the engine to look at Kafka, since the engine is part of what
// is measured.
package bench
