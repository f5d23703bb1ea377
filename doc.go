// Package belfry is the vocabulary of those who send: what a [Notification] is,
// its [Text] by language, [Priority] and recipient, how it is parsed and which
// errors name its faults, and what Belfry's topics are called ([Prefix]).
//
// It imports the standard library only. Package inbox says what a user's inbox is
// and how it changes; begin reading there with Fold, and here with [ParseMessage]
// and its example.
//
// Values are never modified behind the caller's back, so that all of it is safe
// for concurrent use.
package belfry
