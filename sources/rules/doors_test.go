package rules_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

// TestDoorsReadAlike holds that the same bytes are the same events for the rules of
// a source and for the built-in one, whatever they are wrapped in.
func TestDoorsReadAlike(t *testing.T) {
	source := sourceOf(t, parseRules(t, `
sources:
  - topic: orders
    rules:
      - {name: r, recipients: event.recipient, title: "${event.title}"}
`), "orders")
	wraps := []func(string) string{
		func(s string) string { return s },
		func(s string) string { return "\ufeff" + s },
		func(s string) string { return "[" + s + "]" },
		func(s string) string { return `{"schema":null,"payload":` + s + `}` },
		func(s string) string { b, _ := json.Marshal(s); return string(b) },
		func(s string) string {
			return `{"specversion":"1.0","id":"e 1","source":"/s","type":"t","data":` + s + `}`
		},
	}
	rapid.Check(t, func(t *rapid.T) {
		title, _ := json.Marshal(rapid.StringMatching(`[a-z한"\\]{1,8}`).Draw(t, "title"))
		value := fmt.Sprintf(`{"recipient":%q,"title":%s}`, rapid.SampledFrom([]string{"kim", "a/b", "__x"}).Draw(t, "recipient"), title)
		for range rapid.IntRange(0, 2).Draw(t, "levels") {
			value = rapid.SampledFrom(wraps).Draw(t, "wrap")(value)
		}
		r := sources.Record{Topic: "orders", Value: []byte(value)}
		ours, ourErr := envelope.Notifications{}.Route(r)
		theirs, err := source.Route(r)
		if (ourErr == nil) != (err == nil) {
			t.Fatalf("%s: the built-in source has %v, a rule %v", value, ourErr, err)
		}
		if err != nil {
			return
		}
		if len(ours) != len(theirs) {
			t.Fatalf("%s: the built-in source has %+v, a rule %+v", value, ours, theirs)
		}
		for i := range ours {
			a, b := ours[i].Record.Notification, theirs[i].Record.Notification
			if a.Title[""] != b.Title[""] || a.Source != b.Source || a.Type != b.Type || (a.ID == "e 1") != (b.ID == "e 1") || fmt.Sprint(ours[i].Recipients) != fmt.Sprint(theirs[i].Recipients) {
				t.Errorf("%s: the built-in source has %+v, a rule %+v", value, ours[i], theirs[i])
			}
		}
	})
}
