// Package programtest runs a program of this module for tests: in the test's
// own process, where [Call] returns what it printed, or as a child process that
// can be killed and restarted.
//
// It imports package cli and test support. Begin reading with [Call] and [Start].
package programtest
