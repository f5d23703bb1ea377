package inbox

import (
	"time"

	"github.com/belfry/belfry"
)

// Item is the content of one item as the inbox table keeps it. The row
// ([Entry]) says what a user did to it.
type Item struct {
	Seq uint64
	// Notification has an empty Recipient (the key names it) and a Time.
	belfry.Notification
}

// NewItem returns the content of a notification, whose record has that timestamp.
func NewItem(n belfry.Notification, seq uint64, at time.Time) *Item {
	n.Recipient = ""
	if n.Time.IsZero() {
		n.Time = at.UTC().Truncate(time.Millisecond)
	}
	return &Item{Seq: seq, Notification: n}
}
