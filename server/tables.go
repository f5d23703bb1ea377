package server

import (
	"context"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/stream"
)

// Rows is the unread table as the server reads it. Its methods are safe for
// concurrent use, and their errors those of Row.
type Rows interface {
	stream.Rows
	// Row is RowInto with memory of its own.
	Row(recipient string) (inbox.State, error)
	// Watch has changed called after each change of the recipient's row and of the
	// partition's notice board, as WatchRows has it, until stop is called.
	Watch(recipient string, changed func()) (stop func())
	// Stored returns the row without what its notice board has for it: by that is judged
	// which of the user's own records were applied.
	Stored(recipient string) (inbox.State, error)
	// Stamp and Badge return what the row that Row would return shows at now, for
	// less than reading the row takes.
	Stamp(recipient string, now time.Time) (inbox.Stamp, error)
	Badge(recipient string, now time.Time) (inbox.Badge, error)
}

// Items is the inbox table as the server reads it. Its methods are safe for concurrent
// use.
type Items interface {
	stream.Items
	// Watch is as that of [Rows], for contents.
	Watch(recipient string, changed func()) (stop func())
	// Endpoint returns the content of one endpoint. It reports false if the table does
	// not hold it, or not yet.
	Endpoint(recipient string, seq uint64) (inbox.Address, bool, error)
}

// Epochs tells which incarnation of the journal there is. It is safe for
// concurrent use.
type Epochs interface {
	// Epoch looks up the epoch that the journal has now.
	Epoch(ctx context.Context) (uint32, error)
}

// Journal writes to the users' journals.
type Journal interface {
	// Append writes the records and waits for the broker's acknowledgement of
	// all of them. Positions are in the order of the records. After an error
	// any of the records may or may not have been written.
	Append(ctx context.Context, records ...inbox.Addressed) ([]inbox.Position, error)
}
