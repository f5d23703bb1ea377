// Package table reads whole topics: a [View] holds a compacted one and follows
// it, [Scan] and [Latest] visit the records of any.
//
// It imports engine, engine/kafka and engine/store, and reads by franz-go, in
// positions and not in records, so that compaction and markers hold nothing up.
// Begin reading with [View].
package table
