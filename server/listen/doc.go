// Package listen is what a server accepts connections with: a listener whose
// kernel gives up vanished peers, and a TLS certificate that is read again when
// its files change.
//
// It imports server/stream for how often streams ping. Begin with listener.go.
package listen
