// Package cpus counts the processors of a process, and lets the kernel share them between
// its goroutines as well as Go's scheduler does. It imports the standard library alone.
// Limits of how much is done at a time ask [Count]; [Spare] says why GOMAXPROCS is not it.
package cpus

import "runtime"

// maxSpare bounds how many goroutines more run at a time.
const maxSpare = 8

// Count returns how many processors the process may use, at least one: those of the machine
// that it may run on, or fewer if GOMAXPROCS or a quota of its container says so.
func Count() int { return min(runtime.GOMAXPROCS(0), runtime.NumCPU()) }

// Spare has twice as many goroutines run at a time as there are processors, eight more at
// most, until restore is called. Go's scheduler never takes a processor from a goroutine
// within the first ten milliseconds, and looks for what came over the network when none of
// its processors has anything else to do: with all of them at work for somebody who asks
// for much, or for the collector, a short request waits that long. With some to spare a
// thread waits for the network meanwhile, and the kernel gives it its turn.
//
// It changes nothing where GOMAXPROCS is set in the environment that env looks up, or where
// a quota gives the process fewer processors than the machine has: threads in excess of a
// quota use it up early, and all of them stand still until the next period.
func Spare(env func(name string) (value string, ok bool)) (restore func()) {
	n := runtime.NumCPU()
	if set, _ := env("GOMAXPROCS"); set != "" || runtime.GOMAXPROCS(0) != n {
		return func() {}
	}
	runtime.GOMAXPROCS(n + min(n, maxSpare))
	return runtime.SetDefaultGOMAXPROCS
}
