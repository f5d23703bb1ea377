// Package codec turns what Belfry stores into bytes and back: the records of
// the journal, the row of a recipient in the unread table, and the items of the
// inbox table. The bytes are protobuf; belfry.proto describes them and tells
// how they may change. Records of the outbound topic are JSON, since others read them.
//
// # What callers can rely on
//
//   - Equal values give equal bytes.
//   - What is encoded decodes to an equal value: times to the millisecond and
//     in UTC, empty slices and maps as nil, and without the Recipient, which is
//     the key of all that is stored. An encoder refuses a value that its
//     decoder would refuse, so that nothing unreadable is ever written.
//   - Fields that a newer Belfry added to a row or a notification are kept
//     ([inbox.State].Extra, [belfry.Notification].Extra) and written again.
//   - A value in a format above this one's is refused with an error that
//     matches [belfry.ErrNewerFormat]: to read it would be to misread it. All
//     else that no writer of ours can have written matches [belfry.ErrCorrupt].
//   - No input makes a decoder panic, or allocate more than a small multiple of
//     the input's length. Nothing returned shares memory with the input.
//
// All functions are safe for concurrent use as long as nobody changes their
// arguments meanwhile.
//
// The package imports inbox, the root package and protobuf. Begin reading with
// record.go, then row.go; topics.go says what a topic's record must be.
package codec

//go:generate sh -c "protoc --plugin=protoc-gen-go=$(go tool -n protoc-gen-go) --go_out=. --go_opt=module=github.com/belfry/belfry/codec belfry.proto"
