// Package envelope reads what senders wrap notifications and events in: JSON,
// CloudEvents, Debezium's changes and outbox, and the frame around Avro and
// Protobuf. It reads alike what comes over HTTP, from the built-in topic and from
// the topics of others.
//
// It imports the standard library and sources alone, so that server may link it;
// a reader of schemas comes in by the interface [Schemas]. Start with [Decoder]
// for the topics of others, and with [ParseMessage] for notifications.
package envelope
