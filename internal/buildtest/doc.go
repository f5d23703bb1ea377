// Package buildtest builds programs of this module for tests that run them as
// processes.
//
// It imports the standard library only. Begin with [Program].
package buildtest
