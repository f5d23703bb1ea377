package wire

import (
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/belfry/belfry/inbox"
)

// Tag is the strong entity tag of what a row shows (RFC 9110 section 8.8.3): its
// cursor and how many of its items have expired since it was written.
func Tag(s inbox.Stamp) string { return `"` + s.String() + `"` }

// LanguageTag is tag for an answer in the language that the header asks for.
// Two languages of a list must not have the same strong entity tag (RFC 9110
// section 8.8.3), or a client that changes the language hears that nothing changed.
func LanguageTag(tag, acceptLanguage string) string {
	if acceptLanguage == "" {
		return tag
	}
	h := fnv.New32a()
	// Writing to a hash cannot fail.
	_, _ = h.Write([]byte(acceptLanguage))
	return strings.TrimSuffix(tag, `"`) + "." + strconv.FormatUint(uint64(h.Sum32()), 36) + `"`
}

// Condition is the If-None-Match header of a request (RFC 9110 section 13.1.2).
type Condition struct {
	any  bool
	Tags []string // opaque, with their quotes, as this server wrote them
}

// maxTags is how many tags of a request count: a client has one of ours, a cache some.
const maxTags = 64

// ParseCondition reads the header in all its forms: lists over several lines,
// weak tags, "*", up to 64 tags. A text that is not a tag matches nothing. A tag as proxies
// that compress have changed it counts as the tag: W/ of nginx and Envoy, "x-gzip" of
// Apache httpd, "x--gzip" of Jetty, "x;gzip" of others.
func ParseCondition(r *http.Request) Condition {
	var c Condition
	for _, line := range r.Header.Values("If-None-Match") {
		for rest := strings.TrimLeft(line, " \t,"); rest != "" && len(c.Tags) < maxTags; rest = strings.TrimLeft(rest, " \t,") {
			if rest[0] == '*' {
				c.any = true
				rest = rest[1:]
				continue
			}
			rest = strings.TrimPrefix(rest, "W/")
			if rest == "" || rest[0] != '"' {
				break
			}
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				break
			}
			c.Tags = append(c.Tags, asWritten(rest[:end+2]))
			rest = rest[end+2:]
		}
	}
	return c
}

// asWritten returns a tag without what a proxy appended to it for a content
// coding. No tag of ours has the letters that begin such a suffix.
func asWritten(tag string) string {
	if at := strings.IndexAny(tag, "-;"); at > 0 {
		return tag[:at] + `"`
	}
	return tag
}

// Matches reports whether the client has what tag stands for already. The
// comparison is weak, as the RFC wants it.
func (c Condition) Matches(tag string) bool {
	return c.any || slices.Contains(c.Tags, tag)
}

// Cursors returns what the client says it has seen. Tags that are none of ours
// say nothing.
func (c Condition) Cursors() []inbox.Cursor {
	var seen []inbox.Cursor
	for _, t := range c.Tags {
		parts := strings.SplitN(strings.Trim(t, `"`), ".", 3)
		if len(parts) != 3 {
			continue
		}
		if cursor, err := inbox.ParseCursor(parts[0] + "." + parts[1]); err == nil {
			seen = append(seen, cursor)
		}
	}
	return seen
}

// Version returns the highest version of [Condition.Cursors], 0 for none.
func (c Condition) Version() uint64 {
	highest := uint64(0)
	for _, cursor := range c.Cursors() {
		highest = max(highest, cursor.Version)
	}
	return highest
}
