// Package schema reads values in Avro and Protobuf by the schemas of a Confluent
// schema registry. It alone links the libraries of those formats and of the
// registry. Start with [Registry], which an envelope.Decoder is given.
package schema
