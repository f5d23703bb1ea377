// Package views gives typed reads of the unread and inbox tables and tells who
// changed. Every server holds a copy of both tables, so that any server serves
// any user.
package views
