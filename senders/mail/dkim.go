package mail

import (
	"bytes"
	"fmt"
	"regexp"

	gomail "github.com/wneessen/go-mail"
)

// selectors is what a selector may be (RFC 6376, 3.1), and "_", which some have.
var selectors = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?([.][A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)

// CheckSelector refuses a selector that no name of a DNS record can begin with.
func (d *DKIM) CheckSelector() error {
	if !selectors.MatchString(d.Selector) || len(d.Selector) > 63 {
		return fmt.Errorf("must be 1 to 63 letters, digits and '-', and '.' between them, such as 2026, not %.80q", d.Selector)
	}
	return nil
}

// Check refuses what cannot sign for a domain, such as a key that is too short.
func (d *DKIM) Check(domain string) error {
	_, err := gomail.NewDKIMSigner(domain, d.Selector, d.Key).Sign([]byte("From: inbox@example.com\r\n"), nil)
	return err
}

// refold has each tag of the signature that a mail begins with on a line of its own. go-mail
// v0.8.1 signs the tags without folds and then folds them within names and values, where a
// fold becomes a space to whoever checks: no signature with a long h= or d= was valid.
func refold(text []byte) []byte {
	end := bytes.Index(text, []byte("\r\n"))
	for end >= 0 && end+2 < len(text) && text[end+2] == ' ' {
		next := bytes.Index(text[end+2:], []byte("\r\n"))
		if next < 0 {
			return text
		}
		end += 2 + next
	}
	// The value of b= may be folded anywhere; it is not signed.
	tags, value, ok := bytes.Cut(text[:max(end, 0)], []byte(" b="))
	if !ok {
		return text
	}
	tags = bytes.TrimRight(bytes.ReplaceAll(tags, []byte("\r\n "), nil), " \r\n")
	tags = bytes.ReplaceAll(tags, []byte("; "), []byte(";\r\n "))
	return bytes.Join([][]byte{tags, []byte("\r\n b="), value, text[end:]}, nil)
}
