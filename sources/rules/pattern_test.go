package rules_test

import (
	"strings"
	"testing"

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
		{``, "is empty"},
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
