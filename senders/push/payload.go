package push

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/languages"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/webpush"
)

// declarative is what makes a message one that a browser shows without a worker (WebKit,
// and the draft of the W3C's Push API).
const declarative = 8030

// tagOfSeveral is the tag of a message of several items: the next takes its place.
const tagOfSeveral = "belfry"

// maxSeqs is how many items a message names.
const maxSeqs = 100

// payload is what a browser gets. Safari has known app_badge in the one place and in the
// other.
type payload struct {
	WebPush      int          `json:"web_push"`
	AppBadge     int          `json:"app_badge"`
	Notification notification `json:"notification"`
}

type notification struct {
	Title     string `json:"title"`
	Navigate  string `json:"navigate"`
	Body      string `json:"body,omitempty"`
	Lang      string `json:"lang,omitempty"`
	Tag       string `json:"tag"`
	Timestamp int64  `json:"timestamp,omitempty"`
	AppBadge  int    `json:"app_badge"`
	Data      data   `json:"data"`
}

// data is for our service worker: the items that the message is of, and a link that
// marks the one that it opens as read.
type data struct {
	Seqs []uint64 `json:"seqs,omitempty"`
	Read string   `json:"read,omitempty"`
}

// words are those of ours in a message, in the user's language.
type words struct{ more func(n int) string }

var wordsIn = map[string]words{
	"en": {func(n int) string { return fmt.Sprintf("and %d more", n) }},
	"ko": {func(n int) string { return fmt.Sprintf("외 %d건", n) }},
}

// content is a message before its texts are cut to fit.
type content struct {
	payload
	suffix string // of the body, never cut
}

// newContent returns what m shows: the newest item as it is, or that and how many more
// there are.
func newContent(m *senders.Message, signer *links.Signer, home string) *content {
	newest, entry := &m.Items[0], m.Entries[0]
	var prefer []language.Tag
	if tag, err := language.Parse(m.Prefs.Language); err == nil {
		prefer = []language.Tag{tag}
	}
	text := func(t belfry.Text) (string, string) {
		if len(t) == 0 {
			return "", ""
		}
		name := languages.Choose(prefer, t.Languages())
		return t[name], name
	}
	c := &content{payload: payload{WebPush: declarative, AppBadge: m.Row.Counts(m.Now).Unread}}
	n := &c.Notification
	n.AppBadge = c.AppBadge
	n.Title, n.Lang = text(newest.Title)
	n.Body, _ = text(newest.Body)
	n.Timestamp = max(newest.Time.UnixMilli(), entry.Until) // what was hidden came when it showed
	if n.Navigate = newest.URL; n.Navigate == "" {
		n.Navigate = home
	}
	for _, e := range m.Entries[:min(len(m.Entries), maxSeqs+1)] {
		n.Data.Seqs = append(n.Data.Seqs, e.Seq)
	}
	if len(n.Data.Seqs) > maxSeqs {
		n.Data.Seqs = nil // a part of them would have the message closed too early
	}
	if signer != nil {
		n.Data.Read = signer.URL(links.Link{Action: links.Read, User: m.User, Seq: entry.Seq, Until: m.Now.Add(links.ReadLife)})
	}
	n.Tag = topic(m.User, entry)
	if more := len(m.Entries) - 1; more > 0 {
		n.Tag = tagOfSeveral
		c.suffix = wordsIn[languages.Choose(prefer, []string{"en", "ko"})].more(more)
	}
	return c
}

// topic names what a message is of: the collapse key of its item, else the item. It is 32
// characters of base64url, and tells a push service neither which it is nor which other
// users have the same.
func topic(user string, e *inbox.Entry) string {
	kind, value := byte('c'), e.Collapse
	if value == 0 {
		kind, value = 's', e.Seq
	}
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64([]byte{kind}, value), user...))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}

// titleKept is how many bytes of a title, as JSON has it, are not cut for the sake of what
// a browser can do without; with nothing else to cut, a payload has room for them.
const titleKept = 80

// fit returns the payload in at most that many bytes, with the body cut first, then the
// title, and last without what a browser can do without. With the smallest of budgets, and
// whatever the texts are, there is one.
func (c *content) fit(most int) ([]byte, error) {
	p := c.payload
	body := p.Notification.Body
	n := &p.Notification
	for {
		n.Body = strings.TrimSpace(strings.Join([]string{body, c.suffix}, "\n"))
		text, err := encode(&p)
		over := len(text) - most
		switch {
		case err != nil || over <= 0:
			return text, err
		case body != "":
			body = cut(body, over)
		case len(n.Data.Seqs) > 0:
			n.Data.Seqs = nil
		case jsonBytes(n.Title) > titleKept:
			if n.Title = cut(n.Title, min(over, jsonBytes(n.Title)-titleKept)); n.Title == "" {
				n.Title = ellipsis // Safari shows nothing that has no title
			}
		case n.Data.Read != "":
			n.Data.Read = ""
		case len(n.Navigate) > 1:
			n.Navigate = "/"
		default:
			return nil, &belfry.FieldError{Problem: fmt.Sprintf("message of %d bytes, want %d at most", len(text), most), TooLarge: true}
		}
	}
}

func encode(p *payload) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("encode a push message: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

const ellipsis = "…"

// cut takes n bytes or a few more, counted as JSON has them, off the end of a text, between
// runes, and ends it with an ellipsis where something is left.
func cut(text string, n int) string {
	if short := strings.TrimSuffix(text, ellipsis); short != text {
		text, n = short, n-len(ellipsis)
	}
	for n += len(ellipsis); n > 0 && text != ""; {
		r, size := utf8.DecodeLastRuneInString(text)
		text, n = text[:len(text)-size], n-jsonRune(r)
	}
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	return text + ellipsis
}

// jsonBytes is the length of a text between the quotes of JSON, as encode writes it.
func jsonBytes(text string) (n int) {
	for _, r := range text {
		n += jsonRune(r)
	}
	return n
}

func jsonRune(r rune) int {
	switch {
	case r == '"', r == '\\', r == '\b', r == '\f', r == '\n', r == '\r', r == '\t':
		return 2
	case r < ' ', r == '\u2028', r == '\u2029':
		return len(`\u0000`)
	}
	return utf8.RuneLen(r)
}

// urgency is that of the most pressing item.
func urgency(entries []*inbox.Entry) webpush.Urgency {
	most := belfry.PriorityLow
	for _, e := range entries {
		most = max(most, e.Priority)
	}
	switch {
	case most.Pressing():
		return webpush.UrgencyHigh
	case most == belfry.PriorityLow:
		return webpush.UrgencyLow
	}
	return webpush.UrgencyNormal
}

// A push service keeps a message for a device that is off for so long.
const (
	ttlPressing = 72 * time.Hour
	ttlNormal   = 24 * time.Hour
	ttlLow      = 12 * time.Hour
)

// ttl is that of the most pressing item, and not beyond the last expiry of all.
func ttl(entries []*inbox.Entry, now time.Time) time.Duration {
	out := map[webpush.Urgency]time.Duration{webpush.UrgencyHigh: ttlPressing, webpush.UrgencyNormal: ttlNormal, webpush.UrgencyLow: ttlLow}[urgency(entries)]
	last := time.Duration(0)
	for _, e := range entries {
		if e.ExpiresAt == 0 {
			return out
		}
		last = max(last, time.UnixMilli(e.ExpiresAt).Sub(now))
	}
	return min(out, last)
}
