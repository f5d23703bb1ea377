package belfry

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxLanguages is in how many languages a text may be: a list looks for the best one of
// each of its items.
const MaxLanguages = 64

// Text is a text in one or several languages. The key "" holds a text without
// a language; other keys are BCP 47 language tags. A nil Text is no text.
type Text map[string]string

// PlainText returns s as a Text without a language, or nil if s is empty.
func PlainText(s string) Text {
	if s == "" {
		return nil
	}
	return Text{"": s}
}

// plain returns a text that has no language, as most have none.
func (t Text) plain() (string, bool) {
	s, ok := t[""]
	return s, ok && len(t) == 1
}

// Languages returns the keys of t in order, the one without a language first.
func (t Text) Languages() []string { return slices.Sorted(maps.Keys(t)) }

// blank reports whether t has a language in which there is nothing to read.
func (t Text) blank() bool {
	for _, s := range t {
		if strings.TrimSpace(s) == "" {
			return true
		}
	}
	return false
}

// Any returns the text of the first of its languages, "" without one: what somebody is shown
// of whom no language is known.
func (t Text) Any() string {
	for _, language := range t.Languages() {
		return t[language]
	}
	return ""
}

func (t Text) size() int {
	if s, ok := t.plain(); ok {
		return len(s)
	}
	n := 0
	for language, s := range t {
		n += len(language) + len(s)
	}
	return n
}

// MarshalJSON writes a JSON string for a text without a language and an object
// of language to text otherwise.
func (t Text) MarshalJSON() ([]byte, error) {
	if s, ok := t.plain(); ok {
		return json.Marshal(s)
	}
	return json.Marshal(map[string]string(t))
}

// UnmarshalJSON accepts what [Text.MarshalJSON] writes, and leaves out the
// languages whose text is empty.
func (t *Text) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		*t = nil
		return nil
	}
	text, err := parseText("", data)
	if err != nil {
		return err
	}
	*t = text
	return nil
}

func parseText(field string, raw json.RawMessage) (Text, error) {
	if len(raw) > 0 && raw[0] == '"' {
		s, err := parseReadable(field, raw)
		return PlainText(s), err
	}
	byLanguage, err := parseObject(raw)
	if err != nil {
		return nil, Invalid(field, "must be a text or an object of language to text")
	}
	out := make(Text, min(len(byLanguage), MaxLanguages))
	for _, m := range byLanguage {
		// Locales of POSIX and Java are written with an underscore.
		language, value := strings.ReplaceAll(m.name, "_", "-"), m.raw
		if !isLanguageTag(language) {
			return nil, notLanguage(field, m.name)
		}
		s, err := parseReadable(join(field, language), value)
		if err != nil {
			return nil, err
		}
		delete(out, language) // the last of several counts
		if s != "" {
			out[language] = s
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// check returns a [*FieldError] if t does not survive being stored and read
// again: it must be what [parseText] can have made.
func (t Text) check(field string) error {
	if s, ok := t.plain(); ok && utf8.ValidString(s) {
		return nil
	}
	if len(t) > MaxLanguages {
		return Invalid(field, "must be in at most %d languages, is in %d", MaxLanguages, len(t))
	}
	var first error
	var at string
	for language, s := range t {
		if err := t.checkIn(field, language, s); err != nil && (first == nil || language < at) {
			first, at = err, language // the same each time, whatever order a map has
		}
	}
	return first
}

// checkIn returns the error of the text in one language of t.
func (t Text) checkIn(field, language, s string) error {
	switch {
	case !utf8.ValidString(s):
		return Invalid(join(field, language), "must be UTF-8")
	case language == "" && len(t) > 1:
		return Invalid(field, "must not have texts with and without a language")
	case language != "" && !isLanguageTag(language):
		return notLanguage(field, language)
	}
	return nil
}

// empty reports whether t has no text in any language.
func (t Text) empty() bool {
	if s, ok := t.plain(); ok {
		return s == ""
	}
	for _, s := range t {
		if s != "" {
			return false
		}
	}
	return true
}

func notLanguage(field, language string) error {
	return Invalid(field, "%.40q is not a language tag such as \"en\" or \"pt-BR\"", language)
}

// languageTag is the shape of BCP 47 (RFC 5646 section 2.1) only: 1 to 8 letters,
// then subtags of 1 to 8 letters or digits.
var languageTag = regexp.MustCompile(`^[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*$`)

func isLanguageTag(s string) bool { return len(s) <= 35 && languageTag.MatchString(s) }

func join(path, name string) string {
	if path == "" || name == "" {
		return path + name
	}
	return path + "." + name
}
