package inbox

import (
	"strconv"
	"strings"
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

// ItemKey is the key of an item's content: "recipient/seq".
func ItemKey(recipient string, seq uint64) string {
	return recipient + "/" + strconv.FormatUint(seq, 10)
}

// ParseItemKey is the inverse of [ItemKey]. It reports false for a key that
// ItemKey cannot have made.
func ParseItemKey(key string) (recipient string, seq uint64, ok bool) {
	recipient, digits, found := strings.Cut(key, "/")
	seq, err := parseCanonical(digits, 64)
	if !found || err != nil || belfry.CheckRecipient(recipient) != nil {
		return "", 0, false
	}
	return recipient, seq, true
}
