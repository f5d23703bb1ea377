// Package command reads what users do to their inboxes from the bodies of calls.
//
// It may import the root package, inbox and server/wire. Begin reading at [Parse].
package command
