// Package emitters writes to Kafka for those who are no consumer group: [Journal]
// what belongs to a user's journal, [Notifications] what a Go service tells users,
// and [Items] the tombstones of contents that nothing holds any more. A write
// returns when the broker has acknowledged it, or with its context's error.
//
// It imports engine/kafka, codec, inbox and the root package. Begin reading with
// [Notifications] and its example, which runs on the embedded broker.
package emitters
