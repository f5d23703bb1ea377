package door

import (
	"net/mail"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// The longest addresses: of mail by RFC 5321 section 4.5.3.1, and of whatever a text
// channel's consumer sends to.
const (
	maxMailBytes  = 254
	maxLocalBytes = 64
	maxTextBytes  = 1024
)

// ParseAddress returns an address of that kind, which is not [inbox.EndpointWebPush], as it
// is kept: the domain of a mail address in ASCII and lower case, so that one address is
// held once. The error is a [*belfry.FieldError] that does not quote the address.
func ParseAddress(kind inbox.EndpointKind, address string) (string, error) {
	most := maxTextBytes
	if kind == inbox.EndpointMail {
		most = maxMailBytes
	}
	switch {
	case address == "":
		return "", belfry.Invalid("address", "is required")
	case len(address) > most:
		return "", &belfry.FieldError{Field: "address", Problem: "is longer than it may be", TooLarge: true}
	case strings.ContainsFunc(address, unicode.IsControl):
		return "", belfry.Invalid("address", "must have no line breaks or other control characters")
	case kind == inbox.EndpointMail:
		return parseMail(address)
	}
	return address, nil
}

// domains reads domains as look-ups do, which refuse literals of addresses, and what has a
// label that is empty or too long for the DNS.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// parseMail returns a mail address that is one alone (RFC 5322 section 3.4.1), with a
// domain (RFC 5890), which is no literal of an IP address.
func parseMail(text string) (string, error) {
	wrong := belfry.Invalid("address", "must be a mail address such as kim@example.com, without a name")
	a, err := mail.ParseAddress(text)
	if err != nil || a.Name != "" || a.Address != text {
		return "", wrong
	}
	at := strings.LastIndexByte(text, '@')
	local, domain := text[:at], text[at+1:]
	if len(local) > maxLocalBytes || strings.ContainsFunc(local, func(r rune) bool { return unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) }) {
		return "", wrong
	}
	host, err := domains.ToASCII(domain)
	if err != nil || len(local)+1+len(host) > maxMailBytes {
		return "", belfry.Invalid("address", "must have a domain such as example.com behind the @")
	}
	return local + "@" + host, nil
}
