// Package views gives typed reads of the unread and inbox tables ([Unread],
// [Inbox]), says who changed, and folds a user's journal again ([Journals]). Every
// server holds a copy of both tables, so that any server serves any user.
//
// It imports engine, codec, inbox and the root package. Begin reading with
// [Unread.Row]. Package upkeep keeps the tables right.
package views
