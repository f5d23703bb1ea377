// Package renew creates a topic anew without losing what was not processed
// ([Run], behind belfry topics --new-epoch), and copies tables into an
// installation with more partitions ([Grow]).
//
// It imports engine/kafka and engine/table. Begin reading with [Run]: plan.go
// says what is kept, fence.go keeps producers out, copy.go and restore.go move
// the records.
package renew
