package mail

import (
	"bytes"
	"fmt"
	"net/mail"

	gomail "github.com/wneessen/go-mail"

	"github.com/belfry/belfry/senders"
)

// message is a mail as it goes out.
type message struct {
	from, to string // of the envelope, with "<" and ">"
	utf8     bool   // the server must take addresses beyond ASCII
	text     []byte // headers and body, with lines that end with CRLF
}

// compose writes the mail of m to an address. It is the same for the same message, but for
// its date and the boundary of its parts.
func (t *Transport) compose(m *senders.Message, address string) (*message, error) {
	to, utf8, err := ascii(address)
	if err != nil {
		return nil, fmt.Errorf("the address is not sent to: %w", err)
	}
	l, err := t.letters.Write(m)
	if err != nil {
		return nil, fmt.Errorf("write the letter: %w", err)
	}
	out := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	out.FromMailAddress(&mail.Address{Name: t.From.Name, Address: t.address()})
	out.ToMailAddress(to)
	if t.ReplyTo != nil {
		out.ReplyToMailAddress(t.ReplyTo)
	}
	out.SetDateWithValue(m.Now)
	out.SetMessageIDWithValue(l.MessageID)
	out.Subject(l.Subject)
	if l.References != "" {
		out.SetGenHeader(gomail.HeaderReferences, "<"+l.References+">")
	}
	names := []string{"From", "To", "Reply-To", "Subject", "Date", "Message-ID", "References", "MIME-Version", "Content-Type"}
	for _, h := range l.Headers {
		out.SetGenHeader(gomail.Header(h.Name), h.Value)
		names = append(names, h.Name)
	}
	out.SetBodyString(gomail.TypeTextPlain, l.Text)
	out.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	if t.DKIM != nil {
		// One for each message: it notes its algorithm when it signs.
		signer := gomail.NewDKIMSigner(t.domain, t.DKIM.Selector, t.DKIM.Key)
		signer.SignHeaders(names...)
		signer.OversignHeaders("From", "Subject")
		out.SetDKIM(signer)
	}
	var text bytes.Buffer
	if _, err := out.WriteTo(&text); err != nil {
		return nil, fmt.Errorf("write the mail: %w", err)
	}
	raw := text.Bytes()
	if t.DKIM != nil {
		raw = refold(raw)
	}
	return &message{from: t.from, to: to.String(), utf8: utf8, text: raw}, nil
}

// address is that of the envelope's sender without "<" and ">".
func (t *Transport) address() string { return t.from[1 : len(t.from)-1] }
