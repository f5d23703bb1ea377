package rules_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/belfry/belfry/sources/rules"
)

func patternProblem(pattern string) string {
	_, err := rules.Parse("rules.yaml", "sources: [{pattern: "+quote(pattern)+", rules: [{name: a, recipients: event.to, title: x}]}]", options())
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestPatterns(t *testing.T) {
	for _, tt := range []struct{ pattern, problem string }{
		{`outbox\.event\..*`, ""}, {`.+`, ""}, {`(?i)Order`, ""}, {`belfry.*`, ""}, {`[a-z]{249}`, ""}, {`a\b-b`, ""}, {`^a$`, ""}, {`_a`, ""}, {`_*x`, ""},
		{`a\bb`, "no topic"}, {`a b`, "no topic"}, {`a/b`, "no topic"}, {``, "no topic"}, {`\.\.?`, "no topic"}, {`[a-z]{250}`, "no topic"}, {`주문`, "no topic"}, {`a^b`, "no topic"},
		{`belfry-(unread|inbox)-table`, "own alone"}, {`__.+`, "own alone"}, {`belfry\.journal|\.|a b`, "own alone"},
		{`(`, "RE2"}, {`a(?=b)`, "RE2"}, {`*.events`, "RE2"},
	} {
		t.Run(tt.pattern, func(t *testing.T) {
			got := patternProblem(tt.pattern)
			if (got == "") != (tt.problem == "") || !strings.Contains(got, tt.problem) {
				t.Errorf("got %q, want %q", got, tt.problem)
			}
		})
	}
}

// A pattern that is refused matches none of many names of topics.
func TestRefusedPatternsMatchNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`([abc.]|[ab]\*|\(a\|b\)|\\b| |\^|\$|x\?){1,6}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[abcx.-]{1,6}`).Draw(t, "name")
		re, err := regexp.Compile(`^(?:` + pattern + `)$`)
		if err != nil {
			t.Skip("no expression")
		}
		if problem := patternProblem(pattern); problem != "" && re.MatchString(name) && name != "." && name != ".." {
			t.Fatalf("%q matches %q, and is refused: %s", pattern, name, problem)
		}
	})
}
