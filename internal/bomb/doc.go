// Package bomb makes record batches that become much when they are decompressed,
// for attacks and for the tests of what bounds them.
//
// It imports Kafka's protocol and nothing of ours. Begin reading with [Batch].
package bomb
