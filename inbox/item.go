package inbox

import (
	"time"

	"github.com/belfry/belfry"
)

// Item is the content of one item as the inbox table keeps it. What a user did
// to it stands in the row ([Entry]).
type Item struct {
	Seq uint64
	// Notification has an empty Recipient (the key names it) and a Time.
	belfry.Notification
}

func newItem(n belfry.Notification, seq uint64, at time.Time) *Item {
	n.Recipient = ""
	if n.Time.IsZero() {
		n.Time = at.UTC().Truncate(time.Millisecond)
	}
	return &Item{Seq: seq, Notification: n}
}
