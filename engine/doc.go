// Package engine is goka, set up once and safely: the one place that knows how
// Belfry talks to Kafka.
//
// # What it adds to goka
//
//   - Settings that lose nothing: idempotent producers with acks=all, groups
//     that start at the oldest record, state under a folder of ours ([Config]).
//   - Partitioning as Java clients do it ([Hasher]), the same for a recipient's
//     own records and for those keyed "recipient/seq".
//   - Offsets are committed for the completed prefix of a partition only, and
//     the raw record is at hand while it is processed ([Context]).
//   - A group rejoins at once when the broker rebalances it.
//   - Processors and views that failed are built anew, with backoff, and tell
//     their state ([Processor], [View], [Status]).
//   - Topics are created and verified by us, never by goka ([Topics]).
//   - Consumer lag, in records and in time, from what the brokers say ([Lag]):
//     goka's own figures are wrong.
//   - Records that cannot be processed are set aside as they were received
//     ([DeadLetters]).
//
// Everything here is safe for concurrent use unless it says otherwise.
package engine
