package auth

import (
	"fmt"
	"slices"
	"strings"
)

// CheckSource returns nil if the bearer may send what has that source, else an error
// that matches [ErrForbidden]: ids are unique within a source, so whoever names that
// of another service can take back what it sent, or be first with an id of it. A token
// without the claim belfry_sources may name any. Its own subject, which is the source
// of what names none, needs no pattern.
func (id Identity) CheckSource(source string) error {
	if !id.limited || source == id.Source() || slices.ContainsFunc(id.sources, func(p string) bool { return matches(p, source) }) {
		return nil
	}
	return fmt.Errorf("%w: its claim belfry_sources does not have the source %.100q", ErrForbidden, source)
}

// matches reports whether text is what pattern says, in which * stands for any text,
// also none.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return text == pattern
	}
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text = after
	}
	return true
}
