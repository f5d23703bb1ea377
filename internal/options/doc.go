// Package options holds the flags that several commands share, a group a file:
// how to reach Kafka, where rules are, what a server lets in. A group adds its
// flags, checks what was given, and turns it into the configuration of the
// package that it is for. Errors name the flag and the fix.
//
// It imports the packages whose configuration it fills, never internal/node, and is
// imported by programs alone. Begin reading with [Kafka].
package options
