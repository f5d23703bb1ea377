// Package client is the other end of a measured server: it reads streams and
// polls badges with as little work of its own as can be.
//
// It imports the standard library and what a badge is. Begin reading with
// [ReadStream].
package client
