package wire

import (
	"time"

	"github.com/belfry/belfry/inbox"
)

// Mute is a muted category as clients get it.
type Mute struct {
	Category string    `json:"category"`
	Since    time.Time `json:"since"`
}

// NewMutes returns the muted categories of a row, the one muted first at the head; empty
// and not nil if there is none.
func NewMutes(row *inbox.State) []Mute {
	out := make([]Mute, len(row.Mutes))
	for i, m := range row.Mutes {
		out[i] = Mute{m.Category, time.UnixMilli(m.At).UTC()}
	}
	return out
}
