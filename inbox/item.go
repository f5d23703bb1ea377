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

// ParseNoticeKey is the inverse of [ItemKey] for a notice, whose content is kept under the
// key of its partition ([belfry.PartitionKey]). It reports false for any other key.
func ParseNoticeKey(key string) (partition int32, seq uint64, ok bool) {
	own, digits, found := strings.Cut(key, "/")
	partition, ok = belfry.ParsePartitionKey(own)
	seq, err := parseCanonical(digits, 64)
	if !found || !ok || err != nil {
		return 0, 0, false
	}
	return partition, seq, true
}

// ContentKey is what a key of the inbox table says: whose content it is of.
type ContentKey struct {
	Recipient string
	Seq       uint64
	Endpoint  bool // of an endpoint, else of an item
}

// ParseContentKey is the inverse of [ContentKey.String]. It reports false for a key that
// that cannot have made.
func ParseContentKey(key string) (k ContentKey, ok bool) {
	if k.Recipient, k.Seq, ok = ParseItemKey(key); ok {
		return k, true
	}
	k.Recipient, k.Seq, k.Endpoint = ParseEndpointKey(key)
	return k, k.Endpoint
}

// ParseTableKey is [ParseContentKey], and takes the key of a notice's content as well, whose
// Recipient is the key of its partition.
func ParseTableKey(key string) (k ContentKey, ok bool) {
	if p, seq, notice := ParseNoticeKey(key); notice {
		return ContentKey{Recipient: belfry.PartitionKey(p), Seq: seq}, true
	}
	return ParseContentKey(key)
}

// String returns the [ItemKey] or [EndpointKey].
func (k ContentKey) String() string {
	if k.Endpoint {
		return EndpointKey(k.Recipient, k.Seq)
	}
	return ItemKey(k.Recipient, k.Seq)
}

// Holds reports whether s holds what the content is of, so that it must be there.
func (s *State) Holds(k ContentKey) bool {
	if k.Endpoint {
		return s.HoldsEndpoint(k.Seq)
	}
	return s.Held(k.Seq)
}
