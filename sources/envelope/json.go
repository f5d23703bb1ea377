package envelope

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	return parse(room, string(data), reading{})
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

// reading says what a document is read for.
type reading struct {
	// whole: it is a call's body, which is refused whole, so that what is too long in it
	// is refused as soon as that is seen.
	whole bool
	// envelope: only what tells what a document is, and where its events stand, is looked
	// at, since their texts are read later. Lists and objects elsewhere are checked, and come
	// out empty; of a list more events than there may be are not kept.
	envelope bool
}

// envelopeMembers are the members with lists or objects that tell what a document is.
var envelopeMembers = []string{"data", "payload", "schema", "source"}

// parse is ParseWithin for a text, which the outcome keeps parts of.
func parse(r *Room, text string, as reading) (any, error) {
	p := parser{text: strings.TrimPrefix(text, "\ufeff"), room: r, reading: as}
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
	reading
	passing bool // what is read now is checked alone
	listed  bool
	left    int // how many values more the member may have that is being read; 0: any number
}

// maxOpen is how many members of one list or object are open at a time. To make room for
// more at once, the collector would have all other work of the goroutine wait for it.
const maxOpen = 1024

// mostValues are how many values those members of a message may have that are bounded
// before they are read: a list of so many recipients, and data of no more bytes than an
// item may have.
var mostValues = map[string]int{"recipients": 1 + belfry.MaxRecipients, "data": belfry.MaxItemBytes}

// memberValue reads a member's value; depth is that of its object.
func (p *parser) memberValue(name string, depth int) (any, error) {
	if p.envelope && !p.passing && !slices.Contains(envelopeMembers, name) {
		p.passing = true
		defer func() { p.passing = false }()
	}
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
	var out map[string]any
	n, twice := 0, ""
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
		var v any
		if p.reading == (reading{}) {
			v, err = p.value(depth)
		} else {
			v, err = p.memberValue(name, depth)
		}
		if err != nil {
			return nil, err
		}
		if !p.passing {
			p.hold(member{name, v})
			if n++; len(p.open)-first == maxOpen {
				out, twice = p.put(out, first, twice)
			}
		}
		switch p.peek() {
		case ',':
			p.at++
		case '}':
			p.at++
			if p.passing {
				return out, nil
			}
			out, twice = p.put(out, first, twice)
			if len(out) < n && isCloudEvent(out) {
				// Two readers would take it for two events, one by the first and one by the last.
				return nil, belfry.Invalid(twice, "must stand once in a CloudEvent")
			}
			return out, nil
		default:
			return nil, p.unexpected("a comma or }")
		}
	}
}

// put closes the members from first on and returns out with them, and the first name that
// stands twice so far.
func (p *parser) put(out map[string]any, first int, twice string) (map[string]any, string) {
	if out == nil {
		out = make(map[string]any, len(p.open)-first)
	}
	for _, m := range p.open[first:] {
		before := len(out)
		if out[m.name] = m.value; len(out) == before && twice == "" {
			twice = m.name
		}
	}
	p.open = p.open[:first]
	return out, twice
}

func (p *parser) hold(m member) {
	p.open = append(p.open, m)
	p.most = max(p.most, len(p.open))
}

func (p *parser) list(depth int) (any, error) {
	if p.peek() == ']' {
		p.at++
		return []any{}, nil
	}
	first := len(p.open)
	p.listed = p.listed || depth == 1
	var out []any
	for n := 0; ; n++ {
		if p.whole && depth == 1 && (n == MaxEvents || p.peek() == '[') {
			if n < MaxEvents {
				return nil, belfry.Invalid(index(n), "must be a JSON object")
			}
			return nil, tooManyEvents()
		}
		v, err := p.value(depth)
		if err != nil {
			if fe, ok := errors.AsType[*belfry.FieldError](err); ok && fe.Field != "" {
				err = belfry.In(index(n), err)
			}
			return nil, err
		}
		if !p.passing && (n <= MaxEvents || !p.envelope) {
			p.hold(member{value: v})
			if len(p.open)-first == maxOpen {
				out = p.add(out, first)
			}
		}
		switch p.peek() {
		case ',':
			p.at++
		case ']':
			p.at++
			return p.add(out, first), nil
		default:
			return nil, p.unexpected("a comma or ]")
		}
	}
}

// add closes the members from first on and returns out with their values.
func (p *parser) add(out []any, first int) []any {
	if out == nil {
		out = make([]any, 0, len(p.open)-first)
	}
	for _, m := range p.open[first:] {
		out = append(out, m.value)
	}
	p.open = p.open[:first]
	return out
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

func (p *parser) unexpected(want string) error {
	if p.at >= len(p.text) {
		return belfry.Invalid("", "must be JSON: it ends where %s should be", want)
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return belfry.Invalid("", "must be JSON: %q at byte %d, where %s should be", r, p.at, want)
}
