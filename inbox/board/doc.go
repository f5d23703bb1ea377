// Package board is the notice board of a partition: notices to everybody or to a topic
// for the price of one record, which each row of the partition takes in late.
//
// # The one idea
//
// A notice is one record in the journal of each partition, and stands on the partition's
// [Board] alone. A row is not written for it. A reader of a row advances it first
// ([Advance]): what came to the board and went from it since the row was written is
// replayed as if it had been copied to every user at once. All rows of a partition count
// from one base, so a board's record has one version for everybody: badge, list, cursor
// and stamp of an advanced row are those of the copies.
//
// # Words
//
//   - notice: what the board holds, live or hidden until its time; once in a row it is a
//     shared entry ([inbox.Shared]).
//   - audience: whom a notice is for, everybody or a topic, as a hash.
//   - event: a notice that comes into the lists or goes from them, at the version of the
//     board's record that did it; or a horizon.
//   - stay: from when to when a notice that is gone was there. Stays are what rows that are
//     behind need; they are forgotten in the end.
//   - horizon: up to which version stays of an audience were forgotten. It is an event:
//     rows behind it know no more what they lost, and their clients read the list again.
//   - concern: an audience concerns a row if it is everybody, a topic of the row, or
//     that of an entry in it. All its events are versions of the row.
//
// All is pure, and a Board is never modified: it is safe for concurrent use. The package imports
// the root package, inbox and the standard library. Begin reading with [Advance] and [Fold].
package board
