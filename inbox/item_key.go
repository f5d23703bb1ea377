package inbox

import (
	"strconv"
	"strings"

	"github.com/belfry/belfry"
)

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
