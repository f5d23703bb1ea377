package letter

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/senders"
)

// Newest is of how many items, the newest, a letter shows the contents.
const Newest = 20

// Content is how much of items a letter shows.
type Content string

// The values of Content.
const (
	None   Content = "none"   // how many there are, by category
	Titles Content = "titles" // their titles
	Full   Content = "full"   // titles and texts
)

// Config is what letters of an installation have in common.
type Config struct {
	Content Content
	// Name is who the letters are from, as people know it; "" for nobody in particular.
	Name string
	// Domain ends the ids of letters, in ASCII; it is that of From.
	Domain string
	// PublicURL begins the links to where items are read, as links of Links begin with
	// it. With "" a letter has neither, nor links that are relative to it.
	PublicURL string
	// Language is that of users who have set none, BCP 47; "" is English.
	Language string
	// Links signs what acts; nil for nothing.
	Links *links.Signer
	// Policy returns the channels, whose zone counts for users who have set none; nil
	// for UTC. It is safe for concurrent use.
	Policy func() *reach.Policy
}

// Letter is a mail without its addresses and its date.
type Letter struct {
	Language string // BCP 47, of what is around the items
	// Subject is one line without control characters, not encoded.
	Subject string
	// Text and HTML are two forms of the same (RFC 2046 section 5.1.4), in UTF-8, with lines that
	// end with "\n".
	Text, HTML string
	// MessageID and References are ids of messages without "<" and ">", the latter ""
	// for none. A letter of the same items to the same user has the same MessageID.
	MessageID, References string
	// Headers are all others that depend on what is told, in their order. Their values are
	// one line of printable ASCII.
	Headers []Header
}

// Header is a header field.
type Header struct{ Name, Value string }

// Writer writes letters. It is safe for concurrent use.
type Writer struct {
	Config
	templates *Templates
}

// New returns a writer with those templates.
func New(t *Templates, c Config) *Writer {
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	return &Writer{c, t}
}

// Lacks says what letters of w lack, for the operator at start; "" for nothing.
func (w *Writer) Lacks() string {
	switch {
	case w.PublicURL == "" || w.Links == nil:
		return "mails have no link to unsubscribe, which large receivers ask for: give --public-url and --link-secret-file"
	case !strings.HasPrefix(w.PublicURL, "https://"):
		return "mails cannot be unsubscribed from in one click, which large receivers ask for: --public-url must begin with https://"
	}
	return ""
}

// maxHTML is how many bytes of HTML mail programs show: Gmail cuts what is beyond 102 KiB.
const maxHTML = 100 << 10

// Write returns the letter of m, which has at least one entry, and the contents of the
// [Newest] of them. It shows less until the HTML is small enough to be shown whole. The
// error is that of a template.
func (w *Writer) Write(m *senders.Message) (*Letter, error) {
	k := w.maker(m)
	var v *view
	var html string
	var err error
	for _, size := range k.sizes() {
		v = k.view(size)
		if html, err = w.templates.writeHTML(v); err != nil {
			return nil, fmt.Errorf("write the HTML of a letter: %w", err)
		}
		if len(html) <= maxHTML {
			break
		}
	}
	text, err := w.templates.writeText(v)
	if err != nil {
		return nil, fmt.Errorf("write the text of a letter: %w", err)
	}
	return &Letter{
		Language: v.Language, Subject: v.Subject, Text: text, HTML: html,
		MessageID: w.id(m), References: w.thread(m), Headers: w.headers(k, v),
	}, nil
}

// headers say what the mail is: RFC 3834 for programs that answer by themselves, with what
// Exchange looks at, and RFC 2369 and 8058 for leaving in one click.
func (w *Writer) headers(k *maker, v *view) []Header {
	out := []Header{{"Auto-Submitted", "auto-generated"}, {"X-Auto-Response-Suppress", "All"}, {"Content-Language", v.Language}}
	if w.Domain != "" {
		out = append(out, Header{"List-Id", "<" + k.m.Channel + "." + w.Domain + ">"})
	}
	if len(v.Leave) > 0 {
		out = append(out, Header{"List-Unsubscribe", "<" + v.Leave[0].URL + ">"})
		if strings.HasPrefix(w.PublicURL, "https://") {
			out = append(out, Header{"List-Unsubscribe-Post", "List-Unsubscribe=One-Click"})
		}
	}
	return out
}

// id names a letter by its user, channel and items: a repeat has the same. An item that
// was snoozed since is told of again, in a letter that must not pass for a repeat.
func (w *Writer) id(m *senders.Message) string {
	b := key('m', m)
	for _, e := range m.Entries {
		b = binary.BigEndian.AppendUint64(b, e.Seq)
		if e.Until != 0 {
			b = binary.BigEndian.AppendUint64(append(b, 'u'), uint64(e.Until))
		}
	}
	return w.hash(b)
}

// thread names what a letter of one item is about, so that letters of the same collapse key
// stand together; "" for none.
func (w *Writer) thread(m *senders.Message) string {
	if len(m.Entries) != 1 || m.Entries[0].Collapse == 0 {
		return ""
	}
	return w.hash(binary.BigEndian.AppendUint64(key('t', m), m.Entries[0].Collapse))
}

func key(of byte, m *senders.Message) []byte {
	b := binary.AppendUvarint([]byte{of}, uint64(len(m.User)))
	b = append(b, m.User...)
	b = binary.AppendUvarint(b, uint64(len(m.Channel)))
	return append(b, m.Channel...)
}

// hash is the id of a message, which tells nobody what it is of.
func (w *Writer) hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:20]) + "@" + cmp.Or(w.Domain, "belfry.invalid")
}
