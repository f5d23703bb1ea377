// Package sources names what the readers of source topics share: the [Record] as
// Kafka gave it, the [Event]s that it carries, and the [Delivery] that comes of
// one. It imports inbox and the root.
//
//   - sources/envelope reads records, down to events or notifications: start
//     with its Decoder.
//   - sources/schema reads Avro and Protobuf for it, by a schema registry.
//   - sources/times reads the times that services write.
//   - sources/rules turns events into deliveries: start with its Source.Route.
package sources
