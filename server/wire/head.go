package wire

import (
	"net/http"

	"github.com/belfry/belfry/inbox"
)

// Head begins an answer about a user: whose row it is of, and which.
type Head struct {
	User    string `json:"user"`
	Version uint64 `json:"version"`
	Cursor  string `json:"cursor"`
}

// NewHead returns the head of an answer about that row.
func NewHead(user string, row *inbox.State) Head {
	return Head{user, row.Version, row.Cursor().String()}
}

// StatusOf is that of the answer to a command: 202 for one that the row does not show yet.
func StatusOf(shown bool, whenShown int) int {
	if shown {
		return whenShown
	}
	return http.StatusAccepted
}
