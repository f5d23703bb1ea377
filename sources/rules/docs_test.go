package rules_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/belfry/belfry/sources/rules"
)

var fenced = regexp.MustCompile("(?ms)^```(yaml|json)\n(.*?)^```$")

// TestDocumentedRules loads every rules file of docs/rules.md, and routes every
// event by the one before it.
func TestDocumentedRules(t *testing.T) {
	raw, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	var source *rules.Source
	events := 0
	for _, m := range fenced.FindAllStringSubmatch(string(raw), -1) {
		if m[1] == "yaml" {
			source = parseRules(t, m[2]).Sources()[0]
			continue
		}
		events++
		r := orderRecord(m[2])
		ds, err := source.Route(r)
		if err != nil || len(ds) != 1 {
			t.Errorf("%s\ngot %+v, %v, want one delivery", m[2], ds, err)
		}
	}
	if events < 4 {
		t.Errorf("%d events documented", events)
	}
}

// TestRulesOfTheReadme has what a newcomer copies work.
func TestRulesOfTheReadme(t *testing.T) {
	raw, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	m := fenced.FindStringSubmatch(string(raw))
	if m == nil {
		t.Fatal("it shows no rules")
	}
	ds, err := parseRules(t, m[2]).Sources()[0].Route(orderRecord(`{"type":"ORDER_CREATED","orderId":7,"orderNo":"A-7","customerId":42,"actorId":1}`))
	if err != nil || len(ds) != 1 || ds[0].Recipients[0] != "42" || ds[0].Record.Notification.Title["ko"] != "주문 A-7 접수" {
		t.Errorf("got %+v, %v", ds, err)
	}
}

// TestDocumentedFields holds that every field is documented.
func TestDocumentedFields(t *testing.T) {
	raw, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{
		"topic", "pattern", "from", "silent", "timezone", "let", "rules", "name", "when", "recipients", "exclude", "title", "body", "id", "source", "type",
		"category", "priority", "url", "actor", "collapse_key", "time", "expires_at", "deliver_at", "data", "retract", "each", "item",
		"event", "key", "headers", "attributes", "partition", "offset", "timestamp", "index", "subject",
	} {
		if !strings.Contains(string(raw), "`"+field+"`") {
			t.Errorf("%s is not documented", field)
		}
	}
}
