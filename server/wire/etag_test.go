package wire

import (
	"net/http/httptest"
	"testing"
)

// TestConditionAsProxiesChangeIt has tags as proxies that compress hand them on.
func TestConditionAsProxiesChangeIt(t *testing.T) {
	for header, version := range map[string]uint64{
		`"7.2.0"`: 2, `W/"7.2.0"`: 2, `"7.2.0-gzip"`: 2, `W/"7.2.0-gzip"`: 2, `"7.2.0--gzip"`: 2, `"7.2.0;gzip"`: 2,
		`"7.2.0-br"`: 2, `"7.1.0", W/"7.2.0-zstd"`: 2,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("If-None-Match", header)
		c := ParseCondition(r)
		if !c.Matches(`"7.2.0"`) || c.Matches(`"7.2"`) || c.Version() != version {
			t.Errorf("%s: tags %q, version %d; want a match of version %d", header, c.Tags, c.Version(), version)
		}
	}
	for _, header := range []string{`"7.2.01"`, `"7.2.1-gzip"`, `"-gzip"`, `7.2.0`, `"gzip-7.2.0"`} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("If-None-Match", header)
		if ParseCondition(r).Matches(`"7.2.0"`) {
			t.Errorf("%s matches", header)
		}
	}
}

// TestTagsThatAreNoneOfOurs holds that they say nothing of what a client has seen.
func TestTagsThatAreNoneOfOurs(t *testing.T) {
	for _, header := range []string{`""`, `"x"`, `"7.2"`, `"a.b.c"`, `"7.-2.0"`, `W/"."`} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("If-None-Match", header)
		if c := ParseCondition(r); len(c.Cursors()) != 0 || c.Version() != 0 {
			t.Errorf("%s: got cursors %v", header, c.Cursors())
		}
	}
}

func TestTagsOfLanguagesDiffer(t *testing.T) {
	none, en, ko := LanguageTag(`"7.2.0"`, ""), LanguageTag(`"7.2.0"`, "en"), LanguageTag(`"7.2.0"`, "ko")
	if none != `"7.2.0"` || en == none || en == ko {
		t.Errorf("got %s, %s and %s", none, en, ko)
	}
}
