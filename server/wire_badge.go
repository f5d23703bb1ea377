package server

import (
	"time"

	"github.com/belfry/belfry/inbox"
)

// unreadBody is the badge as clients get it.
type unreadBody struct {
	User    string `json:"user"`
	Version uint64 `json:"version"`
	Cursor  string `json:"cursor"`
	inbox.Counts
}

func newUnreadBody(user string, row *inbox.State, now time.Time) unreadBody {
	badge := row.Badge(now)
	return newBadgeBody(user, &badge)
}

func newBadgeBody(user string, b *inbox.Badge) unreadBody {
	return unreadBody{User: user, Version: b.Cursor.Version, Cursor: b.Cursor.String(), Counts: b.Counts}
}
