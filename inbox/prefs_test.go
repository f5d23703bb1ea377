package inbox_test

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/inbox"
)

// The examples of RFC 7396, appendix A, whose both sides are objects, and others.
func TestMergePrefs(t *testing.T) {
	for _, tt := range []struct{ prefs, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, ``},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{``, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{``, ` { "b" : 1 , "a" : "<&김" } `, `{"a":"<&김","b":1}`},
	} {
		got, err := inbox.MergePrefs([]byte(tt.prefs), []byte(tt.patch))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s and %s: got %s, %v; want %s", tt.prefs, tt.patch, got, err, tt.want)
		}
	}
	for _, patch := range []string{`null`, `[]`, `"a"`, `{`, `{} {}`, `{"a":1}x`} {
		if got, err := inbox.MergePrefs(nil, []byte(patch)); err == nil {
			t.Errorf("%s: got %s", patch, got)
		}
	}
}

func TestPrefs(t *testing.T) {
	r := reachedRow(t)
	patch := func(text string) inbox.Record { return inbox.Record{Kind: inbox.KindPrefs, Prefs: []byte(text)} }
	r.fold(patch(`{"zone":"Asia/Seoul"}`))
	if e := r.fold(patch(`{"zone":"Asia/Seoul"}`)); e.Outcome != inbox.Unchanged || r.row.Reach.PrefsVersion != 1 {
		t.Errorf("again: %s, changed at %d", e.Outcome, r.row.Reach.PrefsVersion)
	}
	if e := r.fold(patch(`{"a":"` + strings.Repeat("x", inbox.MaxPrefsBytes) + `"}`)); e.Outcome != inbox.Full {
		t.Errorf("too many: %s", e.Outcome)
	}
	if e := r.fold(patch(`{"zone":null}`)); e.Outcome != inbox.Applied || r.row.Reach.Prefs != nil || r.row.Reach.PrefsVersion != 4 {
		t.Errorf("none: %s, %+v", e.Outcome, r.row.Reach)
	}
}
