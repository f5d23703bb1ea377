// Package broadcast answers calls about what is for everybody or for a topic: which
// notices are on the boards and how many users have seen them, what one more notice would
// put off them, and which topics a user has subscribed to.
//
// It imports server/auth, server/wire, inbox, inbox/board and the root package; the server
// gives it its tables and its way to write a command. Begin reading with [Calls].
package broadcast
