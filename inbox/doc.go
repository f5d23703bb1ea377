// Package inbox is the state machine of Belfry: what a user's inbox and unread
// badge are, and how one record of the journal changes them.
//
// # The one idea
//
// Every user has one ordered log (the journal), one writer (the processor that
// owns the user's partition) and one number (the journal offset). A user's
// [State] is a pure function of the records of that log, computed by [Fold];
// the badge ([State.Counts]), the list ([State.Page]) and what a client missed
// ([State.Since]) are pure functions of the State and the clock. Nothing is
// counted on its own, so nothing can drift.
//
// # Words
//
//   - version: base + offset + 1 of the last record processed for a user; it
//     never falls. 0 means never written.
//   - seq: the version at which an item was made; unique and rising per user.
//   - epoch: which incarnation of the journal topic the base belongs to.
//   - removal: what a row remembers of an item that is gone, so that clients
//     can be told and redeliveries are recognised.
//   - refold: a journal's records folded once more, to tell where the numbers
//     of a row come from ([Refolder]).
//
// The package imports the root package and the standard library, and knows
// nothing of Kafka, goka or HTTP. Begin reading with [Fold], whose example makes a
// badge of three records; notify.go, command.go, snooze.go, retract.go, erase.go and
// topics.go are its kinds of records. Values are never modified behind the caller's
// back: functions return new values.
package inbox
