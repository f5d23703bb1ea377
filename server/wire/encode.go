package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belfry/belfry/inbox"
)

// appendJSON adds v as one line of JSON, with <, > and & escaped if html is set. Items and
// badges, which every change sends to every client, are encoded by hand, to the bytes that
// package json makes of them and in a fraction of the time.
func appendJSON(b []byte, v any, html bool) ([]byte, error) {
	switch v := v.(type) {
	case *Item:
		return v.appendJSON(b, html)
	case Badge:
		return v.appendJSON(b, html), nil
	}
	data, err := marshal(v, html)
	return append(b, data...), err
}

// marshal is v as package json encodes it, on one line.
func marshal(v any, html bool) ([]byte, error) {
	if html {
		return json.Marshal(v)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// appendJSON leaves out Data that cannot be encoded. It was checked on its way in; an item
// without it serves the user better than a list or a stream that ends here each time.
func (i *Item) appendJSON(b []byte, html bool) ([]byte, error) {
	o := object{bytes: append(b, '{'), html: html}
	o.number("seq", i.Seq)
	o.number("version", i.Version)
	o.flag("read", i.Read)
	o.flag("seen", i.Seen)
	o.flag("archived", i.Archived)
	o.number("count", uint64(i.Count))
	if i.Replaces != 0 {
		o.number("replaces", i.Replaces)
	}
	if i.Pending {
		o.flag("pending", true)
	}
	o.text("id", i.ID)
	o.text("source", i.Source)
	o.text("type", i.Type)
	o.text("category", i.Category)
	o.key("priority")
	o.string(i.Priority.String())
	o.text("title", i.Title)
	o.text("body", i.Body)
	o.text("url", i.URL)
	if i.Actor != nil {
		o.value("actor", i.Actor)
	}
	o.text("collapse_key", i.Collapse)
	o.time("time", i.Time)
	o.time("expires_at", i.ExpiresAt)
	o.time("until", i.Until)
	o.time("woke_at", i.WokeAt)
	if i.Shown != 0 {
		o.number("shown", i.Shown)
	}
	o.text("audience", i.Audience)
	if i.Actors != nil {
		o.value("actors", i.Actors)
	}
	if len(i.Data) > 0 {
		if data, err := marshal(i.Data, html); err == nil {
			o.key("data")
			o.bytes = append(o.bytes, data...)
		}
	}
	return append(o.bytes, '}'), o.err
}

func (b Badge) appendJSON(to []byte, html bool) []byte {
	o := object{bytes: append(to, '{'), html: html}
	o.key("user")
	o.string(b.User)
	o.number("version", b.Version)
	o.key("cursor")
	o.string(b.Cursor)
	o.integer("x", b.X)
	o.tally(b.Tally)
	o.integer("urgent", b.Urgent)
	o.key("categories")
	if b.Categories == nil {
		return append(o.bytes, "null}"...)
	}
	o.bytes = append(o.bytes, '{')
	for _, category := range slices.Sorted(maps.Keys(b.Categories)) {
		o.key(category)
		o.bytes = append(o.bytes, '{')
		o.tally(b.Categories[category])
		o.bytes = append(o.bytes, '}')
	}
	return append(o.bytes, "}}"...)
}

// object is a JSON object in the making.
type object struct {
	bytes []byte
	html  bool
	err   error // why a member could not be encoded
}

func (o *object) key(name string) {
	if o.bytes[len(o.bytes)-1] != '{' {
		o.bytes = append(o.bytes, ',')
	}
	o.string(name)
	o.bytes = append(o.bytes, ':')
}

func (o *object) number(name string, n uint64) {
	o.key(name)
	o.bytes = strconv.AppendUint(o.bytes, n, 10)
}

func (o *object) integer(name string, n int) {
	o.key(name)
	o.bytes = strconv.AppendInt(o.bytes, int64(n), 10)
}

func (o *object) flag(name string, is bool) {
	o.key(name)
	o.bytes = strconv.AppendBool(o.bytes, is)
}

func (o *object) tally(t inbox.Tally) {
	o.integer("unread", t.Unread)
	o.integer("unseen", t.Unseen)
}

// text adds a member unless it is empty.
func (o *object) text(name, s string) {
	if s != "" {
		o.key(name)
		o.string(s)
	}
}

// time adds a member unless it is the zero time.
func (o *object) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	o.key(name)
	b, err := t.AppendText(append(o.bytes, '"'))
	o.bytes, o.err = append(b, '"'), cmp.Or(o.err, err)
}

func (o *object) value(name string, v any) {
	o.key(name)
	b, err := marshal(v, o.html)
	o.bytes, o.err = append(o.bytes, b...), cmp.Or(o.err, err)
}

// string adds a text. Package json encodes those of which it escapes something.
func (o *object) string(s string) {
	if !o.plain(s) {
		b, _ := marshal(s, o.html) // any text can be encoded
		o.bytes = append(o.bytes, b...)
		return
	}
	o.bytes = append(append(append(o.bytes, '"'), s...), '"')
}

// plain reports whether nothing of a text is escaped (RFC 8259 section 7, and the ends of
// lines U+2028 and U+2029 of JavaScript).
func (o *object) plain(s string) bool {
	ascii := true
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ' || c == '"' || c == '\\' || o.html && (c == '<' || c == '>' || c == '&'):
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return ascii || utf8.ValidString(s) && !strings.Contains(s, "\u2028") && !strings.Contains(s, "\u2029")
}
