// Package push brings messages to browsers: [Transport] is senders' for Web Push, with
// the payload of a message in the form of Declarative Web Push.
//
// It imports senders, webpush, links, languages, reach, inbox and the root package. Begin
// reading with [Transport.Send]; payload.go has what a browser shows.
package push
