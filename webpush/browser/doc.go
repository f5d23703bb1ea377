// Package browser is the other end of a push: a subscription with its keys, and what
// reads the messages that are encrypted for it. The demo and tests have devices by it; no
// sender needs it.
//
// It imports webpush. All of it is in browser.go.
package browser
