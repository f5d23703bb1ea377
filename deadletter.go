package belfry

// Reason is why a record became a dead letter. The list is fixed; texts for
// people stand in the header [HeaderError].
type Reason string

// The reasons.
const (
	ReasonEmpty       Reason = "empty"       // no bytes at all
	ReasonInvalid     Reason = "invalid"     // not JSON, or a field missing or wrong
	ReasonTooLarge    Reason = "too-large"   // over a size limit
	ReasonUndecodable Reason = "undecodable" // a record of ours that does not decode
	ReasonPanic       Reason = "panic"       // processing it failed in a way it never should
)

// Headers that a dead letter carries after its own ones.
const (
	HeaderReason    = "belfry-reason"    // a Reason
	HeaderError     = "belfry-error"     // what was wrong, for people
	HeaderStack     = "belfry-stack"     // of a panic, cut
	HeaderGroup     = "belfry-group"     // the consumer group that could not process it
	HeaderTopic     = "belfry-topic"     // where it was read
	HeaderPartition = "belfry-partition" // decimal
	HeaderOffset    = "belfry-offset"    // decimal
	HeaderTimestamp = "belfry-timestamp" // of the record, RFC 3339
	HeaderTruncated = "belfry-truncated" // the value's length before it was cut
	HeaderDeadAt    = "belfry-dead-at"   // when it was set aside, RFC 3339
)

// HeaderCopied marks a record that was written again when its topic was created
// anew: the former topic's ID in hex, "/" and the record's number in the copy.
const HeaderCopied = "belfry-copied"
