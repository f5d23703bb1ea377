package server

import (
	"fmt"
	"time"

	"github.com/belfry/belfry/inbox"
)

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
