// Package belfry is the domain of Belfry: what a notification, an inbox and an
// unread badge are, and how one follows from the other.
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
//
// The package uses the standard library only and knows nothing of Kafka, goka
// or HTTP. All of it is safe for concurrent use in the sense that values are
// never modified behind the caller's back: functions return new values.
package belfry
