// Package store keeps a processor's rows on this machine, in Pebble without a
// log behind a write-back cache: the table's topic is the write-ahead log.
//
// It imports goka's storage interface and Pebble, and nothing of ours. Begin
// reading with [Store]; docs/bench/store.md has the measurements behind it.
package store
