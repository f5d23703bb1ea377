// Package processors holds Belfry's consumer groups, one a file:
//
//   - [Router] reads a source topic and writes a journal record for each
//     recipient of each message. Stateless, one group a source topic; [Routers]
//     starts and stops them as topics and rules come and go.
//   - [Unread] folds the journal into one row a recipient, and one a partition (its
//     board, board.go), and writes contents and tombstones. The only writer of a row.
//
// The callbacks are thin: they decode, call a pure function (inbox.Fold, the
// rules) and write what it says. A record that cannot be decoded becomes a dead letter
// (deadletter.go), and its offset waits for that to be acknowledged; package
// deadletter/replay processes such records again.
//
// It imports engine, codec, sources, deadletter, inbox and the root package, and
// neither views nor server. Begin reading with router.go, then unread.go.
package processors
