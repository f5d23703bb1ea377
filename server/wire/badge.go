package wire

import (
	"github.com/belfry/belfry/inbox"
)

// Badge is the badge as clients get it.
type Badge struct {
	User    string `json:"user"`
	Version uint64 `json:"version"`
	Cursor  string `json:"cursor"`
	// X is the number of passed instants, expiries and wakes, that the row still holds: of two answers of
	// one version the one with more is the later.
	X int `json:"x"`
	inbox.Counts
}

// NewBadge returns the badge of a user.
func NewBadge(user string, b inbox.Badge) Badge {
	return Badge{User: user, Version: b.Cursor.Version, Cursor: b.Cursor.String(), X: b.Passed, Counts: b.Counts}
}
