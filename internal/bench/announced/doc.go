// Package announced measures a notice to everybody beside the same written to each user:
// records in Kafka, the time until users are shown it, and what it costs.
//
// It imports bench, engine/kafka and the root package. Begin reading with
// [Comparison.Run].
package announced
