package auth

import (
	"fmt"
	"slices"
	"strings"
)

// MaxSources is how many patterns the claim belfry_sources may have: all of them are looked
// at for each event.
const MaxSources = 256

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
	first, rest, more := strings.Cut(pattern, "*")
	if !more {
		return text == pattern
	}
	text, ok := strings.CutPrefix(text, first)
	for ok {
		var part string
		if part, rest, more = strings.Cut(rest, "*"); !more {
			return strings.HasSuffix(text, part)
		}
		_, text, ok = strings.Cut(text, part)
	}
	return false
}
