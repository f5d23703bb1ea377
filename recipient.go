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
