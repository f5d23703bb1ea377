package rules_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/belfry/belfry/sources"
)

const explained = `
sources:
  - topic: orders
    let: {order: event.payload}
    rules:
      - {name: received, when: event.type == "CREATED", recipients: order.to, exclude: event.actor, title: "Order ${order.no}"}
      - {name: urgent, when: order.urgent, recipients: order.to, title: x}
      - {name: everybody, recipients: "order.?watchers", title: x}
      - {name: withdrawn, when: event.type == "DELETED", recipients: order.to, retract: {id: "${order.no}", rule: received}}
`

func TestExplain(t *testing.T) {
	source := sourceOf(t, parseRules(t, explained), "orders")
	for _, tt := range []struct {
		name, value string
		want        []string // of each rule: recipients, why or error
		err         string
	}{
		{"one rule", `{"type":"CREATED","actor":"a","payload":{"no":7,"to":["a","b"]}}`,
			[]string{"b (a)", `when: there is no field "urgent"`, "recipients names nobody", "when is false"}, ""},
		{"only the actor", `{"type":"CREATED","actor":"a","payload":{"no":7,"to":"a","urgent":false}}`,
			[]string{"all recipients are excluded", "when is false", "recipients names nobody", "when is false"}, ""},
		{"retraction", `{"type":"DELETED","payload":{"no":7,"to":"a","urgent":false,"watchers":["w"]}}`,
			[]string{"when is false", "when is false", "w ()", "a ()"}, ""},
		{"goes on after an error", `{"type":"CREATED","actor":"a","payload":{"to":["b"],"urgent":true}}`,
			[]string{`rule received: title: there is no field "no"`, "b ()", "recipients names nobody", "when is false"}, `rule received: title: there is no field "no"`},
		{"undecodable", `{"type":`, nil, "JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := source.Explain(orderRecord(tt.value))
			if (e.Err == nil) != (tt.err == "") || e.Err != nil && !strings.Contains(e.Err.Error(), tt.err) {
				t.Fatalf("got error %v, want %q", e.Err, tt.err)
			}
			if tt.want == nil {
				return
			}
			if len(e.Events) != 1 || len(e.Events[0].Outcomes) != len(tt.want) {
				t.Fatalf("got %+v, want one event with %d outcomes", e.Events, len(tt.want))
			}
			for i, o := range e.Events[0].Outcomes {
				got := o.Why
				if o.Err != nil {
					got = o.Err.Error()
				} else if len(o.Delivery.Recipients) > 0 {
					got = strings.Join(o.Delivery.Recipients, " ") + " (" + strings.Join(o.Excluded, " ") + ")"
				}
				if !strings.HasPrefix(got, tt.want[i]) || o.Rule != source.RuleNames()[i] {
					t.Errorf("rule %s: got %s, want %s", o.Rule, got, tt.want[i])
				}
			}
		})
	}
}

// Explain reports the deliveries that Route makes.
func TestExplainAgreesWithRoute(t *testing.T) {
	source := sourceOf(t, parseRules(t, explained), "orders")
	r := orderRecord(`[{"type":"CREATED","actor":"a","payload":{"no":7,"to":["a","b"],"urgent":true}},{"type":"DELETED","payload":{"no":8,"to":"c"}}]`)
	want, err := source.Route(r)
	if err != nil || len(want) != 3 {
		t.Fatalf("got %+v, %v", want, err)
	}
	var got []sources.Delivery
	for _, e := range source.Explain(r).Events {
		for _, o := range e.Outcomes {
			if len(o.Delivery.Recipients) > 0 {
				got = append(got, o.Delivery)
			}
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestExplainFields(t *testing.T) {
	source := sourceOf(t, parseRules(t, explained), "orders")
	e := source.Explain(orderRecord(`{"type":"CREATED","payload":{"no":7.50,"to":["a"]}}`)).Events[0]
	if l := e.Lets[0]; l.Name != "order" || l.Text != "event.payload" || l.Err != nil || l.Value.(map[string]any)["to"] == nil {
		t.Errorf("got %+v", l)
	}
	want := []struct{ name, text, value, err string }{
		{"when", `event.type == "CREATED"`, "true", ""},
		{"recipients", "order.to", "[a]", ""},
		{"exclude", "event.actor", "", `there is no field "actor"`},
		{"title", "Order ${order.no}", "Order 7.50", ""},
	}
	fields := e.Outcomes[0].Fields
	if len(fields) != len(want) {
		t.Fatalf("got %+v", fields)
	}
	for i, w := range want {
		f := fields[i]
		switch {
		case f.Name != w.name || f.Text != w.text:
			t.Errorf("got %+v, want %+v", f, w)
		case w.err != "" && (f.Err == nil || !strings.Contains(f.Err.Error(), w.err)):
			t.Errorf("got %+v, want error %s", f, w.err)
		case w.err == "" && (f.Err != nil || toText(f.Value) != w.value):
			t.Errorf("got %+v, want %s", f, w.value)
		}
	}
}
