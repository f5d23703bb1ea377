// Package mailtest is a mail server on a loopback address, which keeps what it takes.
//
// It imports no other package of the module. Begin with [NewServer].
package mailtest
