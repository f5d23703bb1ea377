package door

import (
	"net/mail"
	"strings"
	"unicode"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

const (
	maxMailBytes = 254  // of an address (RFC 5321 section 4.5.3.1.3)
	maxTextBytes = 1024 // of whatever a text channel's consumer sends to
)

// CheckAddress returns a [*belfry.FieldError] for what is no address of that kind, which
// is not [inbox.EndpointWebPush]. It does not quote the address.
func CheckAddress(kind inbox.EndpointKind, address string) error {
	most := maxTextBytes
	if kind == inbox.EndpointMail {
		most = maxMailBytes
	}
	switch {
	case address == "":
		return belfry.Invalid("address", "is required")
	case len(address) > most:
		return &belfry.FieldError{Field: "address", Problem: "is longer than it may be", TooLarge: true}
	case strings.ContainsFunc(address, unicode.IsControl):
		return belfry.Invalid("address", "must have no line breaks or other control characters")
	case kind == inbox.EndpointMail && !isMail(address):
		return belfry.Invalid("address", "must be a mail address such as kim@example.com, without a name")
	}
	return nil
}

// isMail reports whether a text is a mail address alone (RFC 5322 section 3.4.1).
func isMail(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Name == "" && a.Address == text
}
