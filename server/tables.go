package server

import (
	"context"

	"github.com/belfry/belfry/inbox"
)

// Rows is the unread table as the server reads it. Its methods are safe for
// concurrent use.
type Rows interface {
	// Row returns the recipient's newest known row, the zero State for one
	// nobody has written to. The caller may not modify what it points to. The
	// error is belfry.ErrNotReady before the table was recovered once.
	Row(recipient string) (inbox.State, error)

	Watcher
}

// Items is the inbox table as the server reads it. Its methods are safe for
// concurrent use.
type Items interface {
	// Item returns the content of one item. It reports false if the table does
	// not hold it, or not yet.
	Item(recipient string, seq uint64) (inbox.Item, bool, error)

	Watcher
}

// Watcher tells of changes of a table.
type Watcher interface {
	// Watch has changed called after each change of the recipient's part of
	// the table, once the change can be read, until stop is called. Calls may
	// come from any goroutine, also without a change, and changed must not
	// block. After stop has returned there is no further call.
	Watch(recipient string, changed func()) (stop func())
}

// Journal writes to the users' journals.
type Journal interface {
	// Append writes the records and waits for the broker's acknowledgement of
	// all of them. Positions are in the order of the records. After an error
	// any of the records may or may not have been written.
	Append(ctx context.Context, records ...inbox.Addressed) ([]inbox.Position, error)
}
