// Package senders sends what the owners of users' rows have decided to send: a group
// on the outbound topic, beside the views of a server. A sender has no state. It waits
// until the user's row is at the decision, sends what that row says is still to be told
// by it, and commits; or it gives the decision back, by a record of the user's journal,
// and the owner decides anew.
//
// It imports engine, codec, reach, inbox, deadletter and the root package, and reads
// tables through interfaces of its own. How a message gets to an endpoint is a
// [Transport]'s: package push has that of Web Push. Begin reading with decision.go, which
// is the life of one; origin.go has what keeps a service that is down from holding up the
// others.
package senders
