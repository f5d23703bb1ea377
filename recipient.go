package belfry

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxRecipientBytes is the longest recipient, in bytes of UTF-8.
const MaxRecipientBytes = 128

// CheckRecipient returns nil for a recipient that may be a key of our topics:
// 1 to 128 bytes of UTF-8 without '/' (it separates recipient and seq in item
// keys), control characters or a leading "__" (such keys are internal to the
// stores), and not "." or ".." (they change a URL's path). Otherwise it returns
// a [*FieldError] for the field "recipient".
func CheckRecipient(recipient string) error {
	const field = "recipient"
	switch {
	case recipient == "":
		return Invalid(field, "must not be empty")
	case len(recipient) > MaxRecipientBytes:
		return Invalid(field, "must be at most %d bytes, has %d", MaxRecipientBytes, len(recipient))
	case !utf8.ValidString(recipient):
		return Invalid(field, "must be UTF-8")
	case strings.Contains(recipient, "/"):
		return Invalid(field, `must not contain "/"`)
	case strings.HasPrefix(recipient, "__"):
		return Invalid(field, `must not start with "__"`)
	case recipient == "." || recipient == "..":
		return Invalid(field, `must not be "." or ".."`)
	case strings.ContainsFunc(recipient, unicode.IsControl):
		return Invalid(field, "must not contain control characters")
	}
	return nil
}

// partitionPrefix begins the keys that are a partition's own.
const partitionPrefix = "__"

// PartitionKey is the key of what a partition of the journal and of both tables holds
// of itself, "__" and its number. [CheckRecipient] refuses it: nobody's name is one.
func PartitionKey(partition int32) string {
	return partitionPrefix + strconv.Itoa(int(partition))
}

// ParsePartitionKey is the inverse of [PartitionKey]. It reports false for a key that
// PartitionKey cannot have made.
func ParsePartitionKey(key string) (partition int32, ok bool) {
	digits, found := strings.CutPrefix(key, partitionPrefix)
	if !found {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != digits {
		return 0, false
	}
	return int32(n), true
}
