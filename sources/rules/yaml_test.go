package rules_test

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/sources/rules"
)

// TestYAMLErrorsNameThePlace holds that what is no YAML is found where it stands, not
// where the construct began that it is in, and that the advice is about it.
func TestYAMLErrorsNameThePlace(t *testing.T) {
	const head = "sources:\n  - topic: orders\n    rules:\n      - name: a\n        recipients: event.to\n        title: x\n"
	for _, tt := range []struct{ name, rule, place, says string }{
		{"unclosed bracket", "      - name: b\n        recipients: [event.a, event.b\n        title: y\n      - name: c\n        title: z\n", "8:21", "this [ is not closed"},
		{"a list that goes on", "      - name: b\n        recipients: [event.a, event.b].filter(x, x != null)\n        title: y\n", "8:21", "begins with [ and goes on"},
		{"unclosed brace", "      - {name: b, recipients: event.a, title: y\n      - name: c\n", "7:9", "this { is not closed"},
		{"a list over lines before it", "      - name: b\n        data: [\n          a,\n          b\n        ]\n        title: a: b\n", "12:17", "': ' needs quotes"},
		{"tab", "      - name: b\n\t\trecipients: event.a\n        title: y\n", "8:1", "a tab stands in the indent"},
		{"tab after blanks", "      - name: b\n      \t  recipients: event.a\n        title: y\n", "8:7", "a tab stands in the indent"},
		{"tab after the dash", "      -\tname: b\n        recipients: event.a\n", "7:8", "a tab stands in the indent"},
		{"colon", "      - name: b\n        recipients: event.a\n        title: Order: ${event.x}\n", "9:21", "': ' needs quotes"},
		{"indent of less", "      - name: b\n        recipients: event.a\n       title: y\n", "9:8", "look at the indent"},
		{"indent of more", "      - name: b\n        recipients: event.a\n          title: y\n", "9:11", "look at the indent"},
		{"unclosed quote", "      - name: b\n        recipients: event.a\n        title: \"y\n      - name: c\n        title: z\n", "9:16", `this " has no other`},
		{"quote in quotes", "      - name: b\n        recipients: event.a\n        title: 'it's'\n        body: x\n", "9:19", "the text ends at this '"},
		{"begins with a text", "      - name: b\n        when: \"X\" == event.type\n        title: y\n", "8:17", "the other kind of quotes"},
		{"begins with a brace", "      - name: b\n        recipients: event.a\n        title: {x} is there\n", "9:16", "begins with { and goes on"},
		{"question mark in braces", "      - {name: b, when: event.a ? true : false, recipients: event.a, title: y}\n", "7:9", "within brackets quote"},
		{"begins with an at", "      - name: b\n        recipients: @a\n        title: y\n", "8:21", "cannot begin with @"},
		{"begins with a percent", "      - name: b\n        title: %d things\n", "8:16", "cannot begin with %"},
		{"begins with a star", "      - name: b\n        recipients: *\n", "8:21", "cannot begin with *"},
		{"unknown alias", "      - name: *x\n", "7:15", "cannot begin with *"},
		{"begins with a bang", "      - name: b\n        when: !event.x\n        title: y\n", "8:15", "takes for a tag"},
		{"no colon", "      - name: b\n        recipients event.a\n        title: y\n", "8:9", "there is no ': '"},
		{"no blank behind the colon", "      - name: b\n        recipients:event.a\n        title: y\n", "8:9", "there is no ': '"},
		{"escape", "      - name: b\n        recipients: event.a\n        title: \"a\\d\"\n", "9:18", "begins an escape"},
		{"control character", "      - name: \x01\n", "7:15", "a control character"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := rules.Parse("r.yaml", head+tt.rule, options())
			if err == nil || !strings.HasPrefix(err.Error(), "r.yaml:"+tt.place+": ") || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %s and %q", err, tt.place, tt.says)
			}
		})
	}
}
