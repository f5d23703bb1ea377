package belfry

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// object is a JSON object whose fields are looked at one by one, so that each
// error can name its field. Values alias the text it was parsed from. Every
// event is parsed, so this does in one pass what decoding into a map of raw
// messages takes several for.
type object []member

type member struct {
	name string
	raw  json.RawMessage
}

// get returns a field's value; one that is null counts as absent, and of one that may
// stand there twice (see once) the last counts.
func (o object) get(name string) (json.RawMessage, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].name == name {
			return o[i].raw, string(o[i].raw) != "null"
		}
	}
	return nil, false
}

// messageFields are the fields that a message is read from, and actorFields those of
// its actor.
var (
	messageFields = []string{
		"recipient", "recipients", "id", "source", "type", "category", "priority", "title", "body", "url", "actor",
		"collapse_key", "time", "expires_at", "data", "retract", "deliver_at", "audience",
	}
	actorFields = []string{"id", "name", "avatar"}
)

// knownNames are the names of fields, so that reading one makes no copy of it.
var knownNames = func() map[string]string {
	known := map[string]string{}
	for _, name := range slices.Concat(messageFields, actorFields) {
		known[name] = name
	}
	return known
}()

// once refuses an object in which one of at most 32 names stands twice: who reads the
// first and who reads the last would take it for two messages, and what checked one
// would let the other pass.
func (o object) once(names []string) error {
	seen := uint32(0)
	for i := range o {
		at := slices.Index(names, o[i].name)
		if at < 0 {
			continue
		}
		if seen&(1<<at) != 0 {
			return Invalid(o[i].name, "must stand once")
		}
		seen |= 1 << at
	}
	return nil
}

// usualMembers are how many members an object has at most that takes no memory of its
// own: the caller of parseInto has room for them.
const usualMembers = 20

// parseOnce is parseInto and once.
func parseOnce(o object, data []byte, names []string) (object, error) {
	o, err := parseInto(o, data)
	if err == nil {
		err = o.once(names)
	}
	return o, err
}

// parseObject reads a JSON object, also behind a byte order mark.
func parseObject(data []byte) (object, error) { return parseInto(nil, data) }

// parseInto is parseObject with the members behind those of o.
func parseInto(o object, data []byte) (object, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !json.Valid(data) {
		var syntax *json.SyntaxError
		if err := json.Unmarshal(data, new(json.RawMessage)); errors.As(err, &syntax) {
			return nil, Invalid("", "not JSON: %v at byte %d", syntax, syntax.Offset)
		}
		return nil, Invalid("", "not JSON")
	}
	switch data = bytes.Trim(data, jsonSpace); {
	case string(data) == "null":
		return nil, Invalid("", "must be a JSON object, not null")
	case data[0] != '{':
		return nil, Invalid("", "must be a JSON object")
	}
	return members(o, data), nil
}

const jsonSpace = " \t\r\n"

// members splits an object that is known to be valid.
func members(o object, data []byte) object {
	rest := data[1:]
	for {
		rest = skip(rest, ',')
		if rest[0] == '}' {
			return o
		}
		n := valueLength(rest)
		name, known := knownNames[string(rest[1:n-1])]
		if !known {
			name = unquote(rest[:n])
		}
		rest = skip(rest[n:], ':')
		n = valueLength(rest)
		o = append(o, member{name, json.RawMessage(rest[:n])})
		rest = rest[n:]
	}
}

// skip is data from its first byte on that is neither blank nor mark.
func skip(data []byte, mark byte) []byte {
	for i, c := range data {
		if c != mark && c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return data[i:]
		}
	}
	return nil
}

// valueLength is the length of the value that valid JSON begins with.
func valueLength(data []byte) int {
	switch data[0] {
	case '"':
		return stringLength(data)
	case '{', '[':
		depth := 0
		for i := 0; ; i++ {
			switch data[i] {
			case '"':
				i += stringLength(data[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	if n := bytes.IndexAny(data, ",]}"+jsonSpace); n >= 0 {
		return n
	}
	return len(data)
}

func stringLength(data []byte) int {
	for i := 1; ; i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// unquote returns the text of a valid JSON string. Bytes that are not UTF-8 and
// halves of surrogate pairs become U+FFFD.
func unquote(raw []byte) string {
	if text := raw[1 : len(raw)-1]; bytes.IndexByte(text, '\\') < 0 && utf8.Valid(text) {
		return string(text)
	}
	var s string
	_ = json.Unmarshal(raw, &s) // it is valid
	return s
}

// hasHalf reports whether a valid JSON string has an escape that is half of a
// surrogate pair.
func hasHalf(raw []byte) bool {
	for i := bytes.IndexByte(raw, '\\'); i >= 0 && i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' {
			continue
		}
		first := hexRune(raw[i+1:])
		i += 4
		if !utf16.IsSurrogate(first) {
			continue
		}
		if len(raw) < i+8 || raw[i+1] != '\\' || raw[i+2] != 'u' || utf16.DecodeRune(first, hexRune(raw[i+3:])) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

// hexRune reads the four digits of an escape.
func hexRune(digits []byte) rune {
	n, _ := strconv.ParseUint(string(digits[:4]), 16, 16) // they are valid
	return rune(n)
}
