// Package emitters holds typed writers: [Journal] for what belongs to a user's
// journal, [Notifications] for Go producers of the built-in source topic, and
// [Items] for the tombstones of contents that nothing holds any more. A write
// returns when the broker has acknowledged it.
package emitters
