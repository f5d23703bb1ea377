package wire

import (
	"hash/fnv"
	"net/http"
	"net/url"
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
	Tags []string // opaque, with their quotes, without W/
}

// ParseCondition reads the header in all its forms: lists over several lines,
// weak tags, "*". A text that is not a tag matches nothing.
func ParseCondition(r *http.Request) Condition {
	var c Condition
	for _, line := range r.Header.Values("If-None-Match") {
		for rest := strings.TrimLeft(line, " \t,"); rest != ""; rest = strings.TrimLeft(rest, " \t,") {
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
			c.Tags = append(c.Tags, rest[:end+2])
			rest = rest[end+2:]
		}
	}
	return c
}

// Matches reports whether the client has what tag stands for already. The
// comparison is weak, as the RFC wants it.
func (c Condition) Matches(tag string) bool {
	return c.any || slices.Contains(c.Tags, tag)
}

// Version returns the highest version that the client says it has seen, 0 for
// none. Tags that are none of ours say nothing.
func (c Condition) Version() uint64 {
	highest := uint64(0)
	for _, t := range c.Tags {
		parts := strings.SplitN(strings.Trim(t, `"`), ".", 3)
		if len(parts) != 3 {
			continue
		}
		if cursor, err := inbox.ParseCursor(parts[0] + "." + parts[1]); err == nil {
			highest = max(highest, cursor.Version)
		}
	}
	return highest
}

// KnownVersion returns the version that the client has seen, from If-None-Match and
// the parameter min_version. Versions alone count, whatever the epoch.
func KnownVersion(c Condition, query url.Values) (uint64, error) {
	least, err := Number(query, "min_version", 0, 1<<64-1)
	if err != nil {
		return 0, err
	}
	return max(least, c.Version()), nil
}
