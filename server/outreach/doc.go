// Package outreach answers what users and services ask about reaching somebody who does
// not look at the inbox: preferences, endpoints, decisions, and links that act without a
// token.
//
// It imports server/auth, server/limit, server/wire, exactjson, reach, links, webpush, inbox and the
// root package; the server gives it its tables and its way to write a command. Begin
// reading with [Calls].
package outreach
