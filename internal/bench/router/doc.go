// Package router measures what rules cost beside the same written by hand in
// Go: events through ten rules in CEL on one core, without Kafka.
//
// It imports sources and no other room of the bench. Begin reading with [Router].
package router
