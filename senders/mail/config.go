package mail

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"golang.org/x/net/idna"
)

// TLS is how a connection to the mail server is encrypted.
type TLS string

// The values of TLS.
const (
	StartTLS TLS = "starttls" // by STARTTLS, which the server must offer (RFC 3207)
	Implicit TLS = "implicit" // from the first byte on (RFC 8314)
	Plain    TLS = "none"     // not at all
)

// The defaults of [Config].
const (
	DefaultConnections = 10
	DefaultTimeout     = time.Minute
)

// answerSteps is how many times as long as for a step a message is waited for to be taken:
// RFC 5321 section 4.5.3.2.6 asks for ten minutes, since filters read it meanwhile.
const answerSteps = 10

// Config is what a [Transport] sends with.
type Config struct {
	// Servers are host:port, each for the same mails: the first that works is used.
	Servers []string
	TLS     TLS
	Roots   *x509.CertPool // nil: the system's
	// User and Password log in; "" for no login, which an unencrypted connection never has.
	User, Password string
	// Hello is the name by which the server knows this machine; "" for "localhost".
	Hello string
	// Connections is how many there may be at a time; 0: DefaultConnections.
	Connections int
	// Timeout is for a step, such as a connection or a command; 0: DefaultTimeout.
	Timeout time.Duration

	From    *mail.Address
	ReplyTo *mail.Address // nil: none
	DKIM    *DKIM         // nil: mails are not signed here
}

// DKIM signs mails (RFC 6376) for the domain of Config.From.
type DKIM struct {
	Selector string
	Key      crypto.Signer // of RSA or Ed25519
}

// Domain is what stands behind the @ of an address, in ASCII (RFC 5891) and lower case.
func Domain(address string) (string, error) {
	domain, err := idna.Lookup.ToASCII(address[strings.LastIndexByte(address, '@')+1:])
	if err != nil {
		return "", fmt.Errorf("its domain is none: %w", err)
	}
	return domain, nil
}

// ascii is an address with its domain in ASCII. What stands before the @ may have other
// letters, which not every server takes (RFC 6531).
func ascii(address string) (_ *mail.Address, utf8 bool, _ error) {
	a, err := mail.ParseAddress(address)
	if err != nil || a.Name != "" {
		return nil, false, errors.New("it is no mail address")
	}
	domain, err := Domain(a.Address)
	if err != nil {
		return nil, false, err
	}
	local := a.Address[:strings.LastIndexByte(a.Address, '@')]
	utf8 = strings.ContainsFunc(local, func(r rune) bool { return r >= 0x80 })
	return &mail.Address{Address: local + "@" + domain}, utf8, nil
}
