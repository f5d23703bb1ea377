// Package ops answers what the page for operators asks for: an overview of the
// installation, by call and as a stream, users' rows and journals, and the
// dead letters.
//
// It imports server/auth, server/wire, the domain and Prometheus's types; what it
// shows comes from the interfaces of its Config. Begin with ops.go; overview.go
// is what the page opens with.
package ops
