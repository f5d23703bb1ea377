// Package processors holds Belfry's consumer groups, one a file:
//
//   - [Router] reads a source topic and writes a journal record for each
//     recipient of each message. Stateless, one group a source topic.
//   - [Unread] folds the journal into one row a recipient and emits contents
//     and tombstones. The only writer of a recipient's row.
//   - [Inbox] writes contents and tombstones into the inbox table.
//
// The callbacks are thin: they decode, call a pure function (the domain's
// inbox.Fold, sources/envelope) and write what it says. What cannot be decoded
// becomes a dead letter, and its offset waits for that to be acknowledged.
package processors
