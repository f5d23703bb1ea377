// Package responder answers requests over Kafka: a service asks on one topic that a
// user's device is subscribed, and is told on another once it is, as Spring's
// ReplyingKafkaTemplate does it. It is a consumer group without a state of its own: a
// request becomes a record of the user's journal, and its answer is what the user's row
// says once it is at that record.
//
// It imports engine, codec, reach, inbox, deadletter and the root package, and reads
// tables through interfaces of its own. Begin reading with responder.go; serve.go has what
// can be asked, and replies.go where answers go.
package responder
