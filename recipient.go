package belfry

import (
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
		return invalid(field, "must not be empty")
	case len(recipient) > MaxRecipientBytes:
		return invalid(field, "must be at most %d bytes, has %d", MaxRecipientBytes, len(recipient))
	case !utf8.ValidString(recipient):
		return invalid(field, "must be UTF-8")
	case strings.Contains(recipient, "/"):
		return invalid(field, `must not contain "/"`)
	case strings.HasPrefix(recipient, "__"):
		return invalid(field, `must not start with "__"`)
	case recipient == "." || recipient == "..":
		return invalid(field, `must not be "." or ".."`)
	case strings.ContainsFunc(recipient, unicode.IsControl):
		return invalid(field, "must not contain control characters")
	}
	return nil
}
