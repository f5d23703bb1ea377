package server

import (
	"hash/fnv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/belfry/belfry/inbox"
)

// etag is the strong entity tag of what a row shows at now (RFC 9110 section
// 8.8.3): its cursor and how many of its items have expired since it was
// written.
func etag(row *inbox.State, now time.Time) string { return stampTag(row.Stamp(now)) }

func stampTag(s inbox.Stamp) string { return `"` + s.String() + `"` }

// languageTag is tag for an answer in the language that the header asks for.
// Two languages of a list must not have the same strong entity tag (RFC 9110
// section 8.8.3), or who changes the language is told that nothing changed.
func languageTag(tag, acceptLanguage string) string {
	if acceptLanguage == "" {
		return tag
	}
	h := fnv.New32a()
	// Writing to a hash cannot fail.
	_, _ = h.Write([]byte(acceptLanguage))
	return strings.TrimSuffix(tag, `"`) + "." + strconv.FormatUint(uint64(h.Sum32()), 36) + `"`
}

// condition is the If-None-Match header of a request (RFC 9110 section 13.1.2).
type condition struct {
	any  bool
	tags []string // opaque, with their quotes, without W/
}

// parseCondition reads the header in all its forms: lists over several lines,
// weak tags, "*". What is no tag matches nothing.
func parseCondition(r *http.Request) condition {
	var c condition
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
			c.tags = append(c.tags, rest[:end+2])
			rest = rest[end+2:]
		}
	}
	return c
}

// matches reports whether the client has what tag stands for already. The
// comparison is weak, as the RFC wants it.
func (c condition) matches(tag string) bool {
	if c.any {
		return true
	}
	for _, t := range c.tags {
		if t == tag {
			return true
		}
	}
	return false
}

// version returns the highest version that the client says it has seen, 0 for
// none. Tags that are none of ours say nothing.
func (c condition) version() uint64 {
	highest := uint64(0)
	for _, t := range c.tags {
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

// known returns the version that the client has seen, from If-None-Match and
// the parameter min_version. Versions alone count, whatever the epoch.
func known(c condition, query url.Values) (uint64, error) {
	least, err := number(query, "min_version", 0, 1<<64-1)
	if err != nil {
		return 0, err
	}
	return max(least, c.version()), nil
}
