package rules_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources/rules"
)

func TestProblemsOfRules(t *testing.T) {
	const at = "rules.yaml:5:"
	tests := []struct {
		name, fields string
		want         []string
	}{
		{"unknown field", "tilte: x", []string{at + `9: sources[0].rules[order-received].tilte: unknown field; the nearest known one is "title"`}},
		{"field twice", "category: a\ncategory: b", []string{`6:9: sources[0].rules[order-received].category: given twice, first in line 5`}},
		{"field without value", "category:", []string{"has no value"}},
		{"syntax", `when: event.type = "X"`, []string{at + `26: sources[0].rules[order-received].when: syntax error`}},
		{"unknown function", `when: startWith(event.type)`, []string{at + `24: sources[0].rules[order-received].when: unknown function "startWith"; the nearest known one is "startsWith"`}},
		{"unknown method", `title: "a ${event.type.uperAscii()}"`, []string{at + `41: sources[0].rules[order-received].title: unknown function "uperAscii"; the nearest known one is "upperAscii"`}},
		{"unknown name", "recipients: evnt.to", []string{at + `21: sources[0].rules[order-received].recipients: unknown name "evnt"; the nearest known one is "event"`}},
		{"text without quotes", "recipients: alice", []string{`a text needs quotes of its own within the expression: 'alice'`}},
		{"type error", "when: timestamp > 5", []string{at + `25: sources[0].rules[order-received].when: type error: > does not take (timestamp, int)`}},
		{"type error in a text", "body: \"a ${1 + 'b'} c\"", []string{at + `22: sources[0].rules[order-received].body: type error: + does not take (int, string)`}},
		{"condition of another type", `when: topic`, []string{"when: type error: must be a condition, true or false, but is of type string"}},
		{"recipients of another type", `recipients: "{'a': 1}"`, []string{"recipients: type error: must be a text, a number or a list of those"}},
		{"recipients as a list in YAML", "recipients: [a, b]", []string{`a list is written within it: "[order.a, order.b]"`}},
		{"exclude of another type", "exclude: topic == 'a'", []string{"exclude: type error"}},
		{"time of another type", "time: topic == 'a'", []string{"time: type error: must be a time, but is of type bool"}},
		{"list in a text", `title: "${[1, 2]} of"`, []string{at + `19: sources[0].rules[order-received].title: type error: a text cannot hold a value of type list(int)`}},
		{"empty expression", `when: ""`, []string{"when: is empty"}},
		{"expression that does not end", `title: "a ${event.b"`, []string{at + `19: sources[0].rules[order-received].title: this ${ is not closed`}},
		{"priority", "priority: hgh", []string{`priority: must be low, normal, high or urgent, not "hgh"`}},
		{"category", "category: " + strings.Repeat("x", 65), []string{"category: must be at most 64 bytes, has 65"}},
		{"url", "url: javascript:alert(1)", []string{"url: must be an http(s) URL"}},
		{"avatar", "actor: {avatar: 'javascript:x'}", []string{"actor.avatar: must be an http(s) URL"}},
		{"several constants", "id: " + strings.Repeat("x", 257) + "\nurl: //host\nactor: {name: " + strings.Repeat("x", 257) + "}",
			[]string{"id: must be at most 256", "url: must be an http(s)", "actor.name: must be at most 256"}},
		{"actor", "actor: Kim", []string{"actor: must be a mapping with id, name and avatar"}},
		{"language", "title: {english_: Hello}", []string{`title.english_: "english_" is not a language tag`}},
		{"title without a text", `title: ""`, []string{"title: is empty"}},
		{"title of another kind", "title: [a]", []string{"title: must be a text or a mapping of language to text"}},
		{"data", "data: [1]", []string{"data: must be a mapping"}},
		{"data with a strange number", "data: {a: 0x10}", []string{"data.a: \"0x10\" is not a number in JSON"}},
		{"data of a language's own", `data: {a: "${evnt}"}`, []string{`data.a: unknown name "evnt"`}},
		{"data too large", "data: {a: " + strings.Repeat("x", 65*1024) + "}", []string{"data: an item must be at most 65536 bytes"}},
		{"retract beside a title", "retract: {collapse_key: x}\ntitle: x", []string{"title: a rule that retracts has no text of its own; remove title"}},
		{"retract without anything", "retract: {source: x}", []string{"retract: needs either id and rule, or collapse_key"}},
		{"retract without rule", "retract: {id: x}", []string{"retract.rule: is missing"}},
		{"retract of an unknown rule", "retract: {id: x, rule: order-recieved}", []string{`retract.rule: there is no rule "order-recieved"; name the rule whose notification is taken back, the nearest one is "order-received"`}},
		{"retract of itself", "retract: {id: x, rule: order-received}", []string{`retract.rule: the rule "order-received" retracts too`}},
		{"retract by both", "retract: {id: x, rule: '', collapse_key: y}", []string{"needs either id and rule, or collapse_key"}},
		{"retract by key and rule", "retract: {rule: x, collapse_key: y}", []string{"collapse_key stands alone"}},
		{"retract of nothing", "retract: {collapse_key: ''}", []string{"retract.collapse_key: is empty"}},
		{"all at once", "when: 1\npriority: x\nbodi: y", []string{"when: type error", "priority: must be", "bodi: unknown field"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := rules.Parse("rules.yaml", oneRule(tt.fields), options())
			wantProblems(t, err, tt.want...)
		})
	}
}

func TestProblemsOfSources(t *testing.T) {
	const rule = "rules: [{name: a, recipients: event.to, title: x}]"
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{"rules.yaml:1:1: holds nothing"}},
		{"no YAML", "sources:\n\t- a", []string{"rules.yaml:2:1: is not valid YAML"}},
		{"two documents", "sources: []\n---\na: b", []string{"more than one YAML document"}},
		{"no mapping", "- a", []string{"must be a mapping with \"sources:\""}},
		{"another mapping", "source: []", []string{`source: unknown field; the nearest known one is "sources"`}},
		{"no sources", "sources: []", []string{"sources: is empty"}},
		{"sources that are no list", "sources: {topic: a}", []string{"sources: must be a list of sources"}},
		{"no topic", "sources: [{" + rule + "}]", []string{"sources[0].topic: is missing"}},
		{"topic and pattern", "sources: [{topic: a, pattern: b, " + rule + "}]", []string{"sources[0].pattern: is given beside topic"}},
		{"topic of ours", "sources: [{topic: belfry.notifications, " + rule + "}]", []string{"is a topic of Belfry's or Kafka's own"}},
		{"topic of Kafka's", "sources: [{topic: __consumer_offsets, " + rule + "}]", []string{"is a topic of Belfry's or Kafka's own"}},
		{"no topic's name", "sources: [{topic: 'order*', " + rule + "}]", []string{`"order*" is not a valid name of a topic`}},
		{"bad pattern", "sources: [{pattern: '*', " + rule + "}]", []string{"sources[0].pattern: is not a valid regular expression (RE2)"}},
		{"empty pattern", "sources: [{pattern: '', " + rule + "}]", []string{"sources[0].pattern: is empty"}},
		{"pattern that breaks out", "sources: [{pattern: 'a)|(b', " + rule + "}]", []string{"is not a valid regular expression (RE2)"}},
		{"topic twice", "sources:\n- {topic: a, " + rule + "}\n- {topic: a, rules: [{name: b, recipients: event.to, title: x}]}", []string{`rules.yaml:3:11: sources[1].topic: "a" has a source already (line 2)`}},
		{"no rules", "sources: [{topic: a}]", []string{"sources[0].rules: is missing"}},
		{"empty rules", "sources: [{topic: a, rules: []}]", []string{"sources[0].rules: is empty"}},
		{"rule that is none", "sources: [{topic: a, rules: [b]}]", []string{"sources[0].rules[0]: must be a mapping"}},
		{"rule with nothing", "sources: [{topic: a, rules: [{when: 'true'}]}]", []string{"rules[0].name: is missing", "rules[0].recipients: is missing", "rules[0].title: is missing"}},
		{"bad name", "sources: [{topic: a, rules: [{name: A b, recipients: event.to, title: x}]}]", []string{`rules[0].name: must be 1 to 100 of a-z`}},
		{"name twice", "sources:\n- {topic: a, " + rule + "}\n- {topic: b, " + rule + "}", []string{`rules.yaml:3:29: sources[1].rules[a].name: "a" is the name of another rule (rules.yaml:2)`}},
		{"from", "sources: [{topic: a, from: yesterday, " + rule + "}]", []string{`sources[0].from: must be latest, earliest, a time`}},
		{"silent", "sources: [{topic: a, silent: 'yes', " + rule + "}]", []string{"sources[0].silent: must be true or false"}},
		{"timezone", "sources: [{topic: a, timezone: Seoul, " + rule + "}]", []string{`sources[0].timezone: must be a time zone by its IANA name`}},
		{"let of a taken name", "sources: [{topic: a, let: {event: event.a}, " + rule + "}]", []string{`let.event: "event" is there already`}},
		{"let of a reserved word", "sources: [{topic: a, let: {package: event.a}, " + rule + "}]", []string{`let.package: "package" is not a valid name`}},
		{"let that is no name", "sources: [{topic: a, let: {a-b: event.a}, " + rule + "}]", []string{`"a-b" is not a valid name`}},
		{"let that is wrong, once", "sources: [{topic: a, let: {order: evnt.a}, rules: [{name: a, recipients: order.to, title: '${order.x}'}]}]", []string{`let.order: unknown name "evnt"`}},
		{"let before its time", "sources: [{topic: a, let: {b: c, c: event.a}, " + rule + "}]", []string{`let.b: unknown name "c"`}},
		{"an alias that holds itself", "sources: &a [*a]", []string{"nested too deep"}},
		{"aliases that multiply", "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e]", []string{"too large"}},
		{"a source inherited from another topic", "sources:\n- {topic: a, " + rule + "}\n- {topic: b, rules: [{name: c, recipients: event.to, retract: {id: x, rule: a}}]}", []string{`retract.source: is missing; the rule "a" is of another topic`}},
		{"a source made of the event", "sources:\n- {topic: a, rules: [{name: a, source: '${event.s}', recipients: event.to, title: x},{name: c, recipients: event.to, retract: {id: x, rule: a}}]}", []string{`retract.source: is missing; the rule "a" makes its source of the event`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := rules.Parse("rules.yaml", tt.text, options())
			wantProblems(t, err, tt.want...)
		})
	}
}

func TestProblemPlacesInLongTexts(t *testing.T) {
	_, err := rules.Parse("rules.yaml", oneRule("body: |\n  Hello ${event.name},\n  you have ${evnt.n} new ones\nwhen: |\n  event.a == 1 &&\n    evnt.b == 2"), options())
	wantProblems(t, err, `rules.yaml:7:22: sources[0].rules[order-received].body: unknown name "evnt"`, `rules.yaml:10:13: sources[0].rules[order-received].when: unknown name "evnt"`)
}

func TestErrorTexts(t *testing.T) {
	p := rules.Problem{File: "a.yaml", Text: "is empty"}
	if got := p.String(); got != "a.yaml: is empty" {
		t.Errorf("got %s", got)
	}
	large := &rules.Error{Rule: "a", Err: &belfry.FieldError{Problem: "too much", TooLarge: true}}
	if got := large.Error(); got != "rule a: too much" || !errors.Is(large, belfry.ErrTooLarge) || !errors.Is(large, belfry.ErrInvalid) {
		t.Errorf("got %s, %v", got, large)
	}
}
