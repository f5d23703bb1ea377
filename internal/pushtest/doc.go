// Package pushtest is a push service on a loopback address, with browsers that
// subscribe: what tests, demonstrations of failures and benchmarks push to.
//
// It imports webpush. Begin with [NewService].
package pushtest
