// Package inflate decompresses the batches that a consumer fetches, within bounds,
// before its client sees them. Kafka bounds the compressed bytes of a batch alone,
// and clients decompress all that a fetch brings before a program sees a record.
// A batch beyond the bounds, or one that does not decompress, becomes a single
// record that says so ([Refused]).
//
// It imports the root package, sarama's and franz-go's types and nothing of ours
// beside. Begin reading with [Dialer].
package inflate
