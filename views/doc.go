// Package views gives typed reads of the unread and inbox tables and tells who
// changed. Every server holds a copy of both tables, so that any server serves
// any user.
//
// Who sees all of a table also sees what is wrong with it: [Repairs] has rows
// written again that a late write of a paused owner has covered, and [Sweep]
// removes contents that no row holds any more.
package views
