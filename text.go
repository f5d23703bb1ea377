package belfry

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

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

// Languages returns the keys of t in order, the one without a language first.
func (t Text) Languages() []string { return slices.Sorted(maps.Keys(t)) }

// MarshalJSON writes a JSON string for a text without a language and an object
// of language to text otherwise.
func (t Text) MarshalJSON() ([]byte, error) {
	if s, ok := t[""]; ok && len(t) == 1 {
		return json.Marshal(s)
	}
	return json.Marshal(map[string]string(t))
}

// UnmarshalJSON accepts what [Text.MarshalJSON] writes.
func (t *Text) UnmarshalJSON(data []byte) error {
	text, err := parseText("", data)
	if err != nil {
		return err
	}
	*t = text
	return nil
}

func parseText(field string, raw json.RawMessage) (Text, error) {
	if len(raw) > 0 && raw[0] == '"' {
		s, err := parseString(field, raw)
		return PlainText(s), err
	}
	var byLanguage map[string]json.RawMessage
	if json.Unmarshal(raw, &byLanguage) != nil || byLanguage == nil {
		return nil, invalid(field, "must be a text or an object of language to text")
	}
	out := make(Text, len(byLanguage))
	for language, value := range byLanguage {
		if !isLanguageTag(language) {
			return nil, invalid(field, "%.40q is no language tag such as \"en\" or \"pt-BR\"", language)
		}
		s, err := parseString(join(field, language), value)
		if err != nil {
			return nil, err
		}
		if s != "" {
			out[language] = s
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// isLanguageTag checks the shape of BCP 47 (RFC 5646 section 2.1) only: 1 to 8
// letters, then subtags of 1 to 8 letters or digits.
func isLanguageTag(s string) bool {
	if len(s) > 35 {
		return false
	}
	for i, sub := range strings.Split(s, "-") {
		if len(sub) < 1 || len(sub) > 8 {
			return false
		}
		for _, c := range []byte(sub) {
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
			if !letter && (i == 0 || c < '0' || c > '9') {
				return false
			}
		}
	}
	return true
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
