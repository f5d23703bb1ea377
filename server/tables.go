package server

import (
	"context"
	"fmt"
	"time"

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

// Badges is what a [Rows] may do as well: to tell a badge for less than reading
// the row takes. Its methods are safe for concurrent use, and their errors those
// of Row.
type Badges interface {
	// Stamp returns the stamp of the row that Row would return.
	Stamp(recipient string, now time.Time) (inbox.Stamp, error)
	// Badge returns the badge of the row that Row would return.
	Badge(recipient string, now time.Time) (inbox.Badge, error)
}

// badgesOf returns the badges of a table, one way or the other.
func badgesOf(rows Rows) Badges {
	if b, ok := rows.(Badges); ok {
		return b
	}
	return rowBadges{rows}
}

// rowBadges makes badges of whole rows.
type rowBadges struct{ rows Rows }

func (b rowBadges) Stamp(recipient string, now time.Time) (inbox.Stamp, error) {
	row, err := b.rows.Row(recipient)
	if err != nil {
		return inbox.Stamp{}, fmt.Errorf("read row: %w", err)
	}
	return row.Stamp(now), nil
}

func (b rowBadges) Badge(recipient string, now time.Time) (inbox.Badge, error) {
	row, err := b.rows.Row(recipient)
	if err != nil {
		return inbox.Badge{}, fmt.Errorf("read row: %w", err)
	}
	return row.Badge(now), nil
}
