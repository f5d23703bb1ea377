package envelope

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/belfry/belfry"
)

// Limits of what one record may cost. Kafka's own limit is 1 MiB unless someone has
// raised it; a few bytes of JSON become some hundred bytes of memory.
const (
	// MaxValueBytes is how long a record's value may be to be decoded.
	MaxValueBytes = 8 << 20
	// MaxEvents is how many events one record may carry.
	MaxEvents = 10_000
	// MaxDepth is how many lists and objects may be in each other.
	MaxDepth = 200
)

// ParseJSON reads a JSON text (RFC 8259) of at most [MaxValueBytes]; for what
// comes back see [sources.Event.Value]. Of a name that comes twice the last counts, but
// in a CloudEvent, which is refused; a byte order mark is skipped; text that is no UTF-8 is refused. An escape that is
// half of a surrogate pair becomes the three bytes that UTF-8 would have for it if
// it allowed them (WTF-8): two texts that differ stay two, and no check takes one
// for a name. Errors are a [*belfry.FieldError] without a field.
//
// It is written for one pass over small events, which is most of what a router
// does: texts and numbers are parts of one copy of data.
func ParseJSON(data []byte) (any, error) {
	return ParseWithin(new(Room), data)
}

// ParseWithin is [ParseJSON] for a part of a document that has taken some room already.
func ParseWithin(room *Room, data []byte) (any, error) {
	if len(data) > MaxValueBytes {
		return nil, longValue(len(data))
	}
	return parse(room, string(data), false)
}

// Number is the number that a text stands for, in the form of [sources.Event.Value].
func Number(text string) any {
	p := parser{text: text, room: new(Room)}
	v, err := p.number()
	if err != nil || p.at < len(text) {
		return json.Number(text)
	}
	return v
}

func longValue(size int) error {
	return &belfry.FieldError{TooLarge: true, Problem: fmt.Sprintf("must be at most %d bytes, are %d", MaxValueBytes, size)}
}

// parse is ParseWithin for a text, which the outcome keeps parts of; whole as in [parser].
func parse(r *Room, text string, whole bool) (any, error) {
	p := parser{text: strings.TrimPrefix(text, "\ufeff"), room: r, whole: whole}
	// Once for all texts in it: what scans them need not look at single runes.
	if !utf8.ValidString(p.text) {
		return nil, belfry.Invalid("", "must be JSON in UTF-8")
	}
	room := openMembers.Get().(*[64]member)
	defer func() {
		clear(room[:min(p.most, len(room))])
		openMembers.Put(room)
	}()
	p.open = room[:0]
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.blank(); p.at < len(p.text) {
		return nil, p.unexpected("the end")
	}
	return v, nil
}

// openMembers are for the parts of small documents while these are read.
var openMembers = sync.Pool{New: func() any { return new([64]member) }}

// member is one of an object or, without a name, of a list.
type member struct {
	name  string
	value any
}

type parser struct {
	text string
	at   int
	room *Room
	open []member // of the lists and objects that are not closed yet
	most int      // of them at once so far
	// whole: it is a call's body, which is refused whole, so that what is too long in it
	// is refused as soon as that is seen. Left is how many values more the member may
	// have that is being read; 0: any number.
	whole, listed bool
	left          int
}

// mostValues are how many values those members of a message may have that are bounded
// before they are read: a list of so many recipients, and data of no more bytes than an
// item may have.
var mostValues = map[string]int{"recipients": 1 + belfry.MaxRecipients, "data": belfry.MaxItemBytes}

// bounded reads a member's value; depth is that of its object.
func (p *parser) bounded(name string, depth int) (any, error) {
	most := mostValues[name]
	if !p.whole || most == 0 || depth > 2 || depth == 2 && !p.listed {
		return p.value(depth)
	}
	p.left = most + 1
	v, err := p.value(depth)
	if p.left == 1 && err == errTooMany {
		problem := fmt.Sprintf("must be at most %d", belfry.MaxRecipients)
		if name == "data" {
			problem = fmt.Sprintf("an item must be at most %d bytes of texts and data", belfry.MaxItemBytes)
		}
		err = &belfry.FieldError{Field: name, TooLarge: true, Problem: problem}
	}
	p.left = 0
	return v, err
}

// errTooMany ends the reading of a member that has more values than it may.
var errTooMany = errors.New("too many values")

func (p *parser) blank() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// peek skips blanks and returns the byte after them, 0 at the end (as for a NUL,
// which nothing may be).
func (p *parser) peek() byte {
	if p.at < len(p.text) && p.text[p.at] > ' ' {
		return p.text[p.at]
	}
	if p.blank(); p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) value(depth int) (any, error) {
	if err := p.room.Take(ValueBytes); err != nil {
		return nil, err
	}
	if p.left > 0 {
		if p.left == 1 {
			return nil, errTooMany
		}
		p.left--
	}
	switch c := p.peek(); c {
	case '"':
		return p.string()
	case '{', '[':
		if depth == MaxDepth {
			return nil, belfry.Invalid("", "must be JSON of at most %d levels", MaxDepth)
		}
		p.at++
		if c == '{' {
			return p.object(depth + 1)
		}
		return p.list(depth + 1)
	case 't':
		return true, p.word("true")
	case 'f':
		return false, p.word("false")
	case 'n':
		return nil, p.word("null")
	default:
		return p.number()
	}
}

func (p *parser) word(w string) error {
	if !strings.HasPrefix(p.text[p.at:], w) {
		return p.unexpected("a value")
	}
	p.at += len(w)
	return nil
}

func (p *parser) object(depth int) (any, error) {
	if p.peek() == '}' {
		p.at++
		return map[string]any{}, nil
	}
	if err := p.room.Take(ObjectBytes); err != nil {
		return nil, err
	}
	first := len(p.open)
	for {
		if p.peek() != '"' {
			return nil, p.unexpected("a name in quotes")
		}
		name, err := p.string()
		if err != nil {
			return nil, err
		}
		if p.peek() != ':' {
			return nil, p.unexpected("a colon")
		}
		p.at++
		v, err := p.bounded(name, depth)
		if err != nil {
			return nil, err
		}
		p.hold(member{name, v})
		switch p.peek() {
		case ',':
			p.at++
		case '}':
			p.at++
			out := make(map[string]any, len(p.open)-first)
			for _, m := range p.open[first:] {
				out[m.name] = m.value
			}
			members := p.open[first:]
			p.open = p.open[:first]
			if len(out) < len(members) && isCloudEvent(out) {
				return nil, twice(members)
			}
			return out, nil
		default:
			return nil, p.unexpected("a comma or }")
		}
	}
}

func (p *parser) hold(m member) {
	p.open = append(p.open, m)
	p.most = max(p.most, len(p.open))
}

// twice is the error of a CloudEvent in which a name stands twice: who reads the first
// and who reads the last would take it for two events.
func twice(members []member) error {
	seen := map[string]bool{}
	for _, m := range members {
		if seen[m.name] {
			return belfry.Invalid(m.name, "must stand once in a CloudEvent")
		}
		seen[m.name] = true
	}
	return nil
}

func (p *parser) list(depth int) (any, error) {
	if p.peek() == ']' {
		p.at++
		return []any{}, nil
	}
	first := len(p.open)
	p.listed = p.listed || depth == 1
	for {
		n := len(p.open) - first
		if p.whole && depth == 1 && (n == MaxEvents || p.peek() == '[') {
			if n < MaxEvents {
				return nil, belfry.Invalid(index(n), "must be a JSON object")
			}
			return nil, tooManyEvents()
		}
		v, err := p.value(depth)
		if fe, ok := errors.AsType[*belfry.FieldError](err); ok && fe.Field != "" {
			return nil, belfry.In(index(n), err)
		}
		if err != nil {
			return nil, err
		}
		p.hold(member{value: v})
		switch p.peek() {
		case ',':
			p.at++
		case ']':
			p.at++
			out := make([]any, len(p.open)-first)
			for i, m := range p.open[first:] {
				out[i] = m.value
			}
			p.open = p.open[:first]
			return out, nil
		default:
			return nil, p.unexpected("a comma or ]")
		}
	}
}

// number reads an integer of 64 bits as one and keeps the text of all others.
func (p *parser) number() (any, error) {
	start := p.at
	p.skip('-')
	digits := p.at
	if !p.digits() || p.text[digits] == '0' && p.at > digits+1 {
		p.at = digits
		return nil, p.unexpected("a value")
	}
	whole := p.at
	if p.skip('.') && !p.digits() {
		return nil, p.unexpected("a digit")
	}
	if p.skip('e') || p.skip('E') {
		if !p.skip('-') {
			p.skip('+')
		}
		if !p.digits() {
			return nil, p.unexpected("a digit")
		}
	}
	text := p.text[start:p.at]
	if p.at > whole || len(text) > 20 || text == "-0" {
		return json.Number(text), nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, nil
	}
	return json.Number(text), nil
}

func (p *parser) skip(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) digits() bool {
	start := p.at
	for p.at < len(p.text) && isDigit(p.text[p.at]) {
		p.at++
	}
	return p.at > start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// string reads a text in quotes, as a part of the document if it has no escapes.
func (p *parser) string() (string, error) {
	start, plain := p.at, true
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			if plain {
				return p.text[start+1 : p.at-1], nil
			}
			return p.unquote(start)
		case c == '\\':
			plain = false
			if p.at++; p.at == len(p.text) {
				return "", p.unexpected("an escape")
			}
		case c < ' ':
			return "", p.unexpected("a character of a text")
		}
	}
	return "", p.unexpected("the end of a text")
}

// unquote reads the text in quotes between start and p.at, which has escapes.
func (p *parser) unquote(start int) (string, error) {
	end := p.at - 1
	out := make([]byte, 0, end-start)
	for p.at = start + 1; p.at < end; {
		c := p.text[p.at]
		if c != '\\' {
			out = append(out, c)
			p.at++
			continue
		}
		p.at++ // string has seen to it that something follows
		if p.text[p.at] == 'u' {
			r, n := escapedRune(p.text[p.at+1 : end])
			if n == 0 {
				return "", p.unexpected("an escape of four digits")
			}
			out = appendRune(out, r)
			p.at += 1 + n
			continue
		}
		const names, values = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
		i := strings.IndexByte(names, p.text[p.at])
		if i < 0 {
			return "", p.unexpected("an escape")
		}
		out = append(out, values[i])
		p.at++
	}
	p.at = end + 1
	return string(out), nil
}

// escapedRune reads the digits of an escape, and those of a second one if the two
// are a surrogate pair. It returns the length of what it has read, 0 if the digits
// are none, and half of a pair as it stands.
func escapedRune(text string) (r rune, length int) {
	first, ok := hexDigits(text)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(first) && len(text) > 6 && text[4:6] == `\u` {
		if second, ok := hexDigits(text[6:]); ok {
			if pair := utf16.DecodeRune(first, second); pair != utf8.RuneError {
				return pair, 10
			}
		}
	}
	return first, 4
}

func hexDigits(text string) (rune, bool) {
	if len(text) < 4 || strings.Trim(text[:4], "0123456789abcdefABCDEF") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:4], 16, 16)
	return rune(n), err == nil
}

// appendRune appends half of a surrogate pair as three bytes, and any other rune
// in UTF-8.
func appendRune(b []byte, r rune) []byte {
	if utf16.IsSurrogate(r) {
		return append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
	}
	return utf8.AppendRune(b, r)
}

func (p *parser) unexpected(want string) error {
	if p.at >= len(p.text) {
		return belfry.Invalid("", "must be JSON: it ends where %s should be", want)
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return belfry.Invalid("", "must be JSON: %q at byte %d, where %s should be", r, p.at, want)
}
