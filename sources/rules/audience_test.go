package rules_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/sources/rules"
)

// ruleOf is a source "orders" with one rule of exactly those fields.
func ruleOf(fields string) string {
	return "sources:\n  - topic: orders\n    rules:\n      - {name: order-received, " + fields + "}\n"
}

func TestRulesWithAnAudience(t *testing.T) {
	for name, c := range map[string]struct {
		fields, value string
		audience      string // of the record; "" for none
	}{
		"all":               {`audience: all, title: Hello`, `{"id":1}`, "all"},
		"a topic":           {`audience: "topic:${event.team}", title: Hello`, `{"team":"sales"}`, "topic:sales"},
		"made by condition": {`audience: "${event.all ? 'all' : ''}", title: Hello`, `{"all":true}`, "all"},
		"nobody":            {`audience: "${event.all ? 'all' : ''}", title: Hello`, `{"all":false}`, ""},
		"taken back":        {`audience: all, retract: {id: "${event.id}", rule: ""}`, `{"id":1}`, "all"},
	} {
		t.Run(name, func(t *testing.T) {
			ds, err := sourceOf(t, parseRules(t, ruleOf(c.fields)), "orders").Route(orderRecord(c.value))
			if err != nil || (len(ds) == 1) != (c.audience != "") {
				t.Fatalf("got %+v, %v", ds, err)
			}
			if c.audience == "" {
				return
			}
			d := ds[0]
			if got := d.Record.Audience(); got != c.audience || len(d.Recipients) > 0 || !d.Delivers() {
				t.Errorf("got audience %q, recipients %v", got, d.Recipients)
			}
			if keys := d.Keys(2); !slices.Equal(keys, []string{"__0", "__1"}) {
				t.Errorf("it is written under %v", keys)
			}
			if n := d.Record.Notification; d.Record.Kind == inbox.KindNotify && !n.ExpiresAt.Equal(recordTime.Add(belfry.NoticeStay)) {
				t.Errorf("it expires at %v, want %v after its record", n.ExpiresAt, belfry.NoticeStay)
			}
		})
	}
	_, err := sourceOf(t, parseRules(t, ruleOf(`audience: "topic:${event.team}", title: Hello`)), "orders").Route(orderRecord(`{"team":"a/b"}`))
	wantRuleError(t, err, "audience", `must not contain "/"`)
}

func TestRulesAboutRecipients(t *testing.T) {
	for name, c := range map[string]struct {
		fields string
		kind   inbox.Kind
		topic  string
	}{
		"subscribe":   {`recipients: event.to, subscribe: "${event.team}"`, inbox.KindSubscribe, "sales"},
		"unsubscribe": {`recipients: event.to, unsubscribe: news`, inbox.KindUnsubscribe, "news"},
		"join":        {`recipients: event.to, join: true`, inbox.KindJoin, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ds, err := sourceOf(t, parseRules(t, ruleOf(c.fields)), "orders").Route(orderRecord(`{"to":["kim","lee"],"team":"sales"}`))
			if err != nil || len(ds) != 1 {
				t.Fatalf("got %+v, %v", ds, err)
			}
			r := ds[0].Record
			if r.Kind != c.kind || r.Topic != c.topic || !slices.Equal(ds[0].Recipients, []string{"kim", "lee"}) || r.Origin.IsZero() || r.Rule != "order-received" {
				t.Errorf("got %+v for %v", r, ds[0].Recipients)
			}
		})
	}
	_, err := sourceOf(t, parseRules(t, ruleOf(`recipients: event.to, subscribe: "${event.team}"`)), "orders").Route(orderRecord(`{"to":"kim","team":"__a"}`))
	wantRuleError(t, err, "subscribe", `must not start with "__"`)
}

func TestProblemsOfAudiences(t *testing.T) {
	for fields, want := range map[string][]string{
		`title: x`: {"recipients: is missing; name the field with the ids of those who get it, for example recipients: event.customerId, or audience: all"},
		`audience: all, recipients: event.to, title: x`:  {"audience: give either audience or recipients, not both"},
		`audience: all, exclude: event.by, title: x`:     {"exclude: leaves people out of recipients"},
		`audience: everybody, title: x`:                  {"audience: must be all or topic:<name>"},
		`audience: "topic:", title: x`:                   {"audience: the name of a topic must not be empty"},
		`audience: all`:                                  {"title: is missing"},
		`audience: all, subscribe: a`:                    {"audience: a rule with subscribe is about its recipients themselves"},
		`subscribe: a`:                                   {"recipients: is missing; name the field with the ids of those whom it is about, for example recipients: event.userId"},
		`recipients: event.to, subscribe: a/b`:           {`subscribe: the name of a topic must not contain "/"`},
		`recipients: event.to, subscribe: a, title: x`:   {"title: a rule with subscribe is about its recipients themselves, who get nothing by it; remove title"},
		`recipients: event.to, subscribe: a, join: true`: {"join: a rule with subscribe"},
		`recipients: event.to, join: yes please`:         {"join: must be true"},
		`recipients: event.to, join: "true"`:             {"join: must be true"},
	} {
		_, err := rules.Parse("rules.yaml", ruleOf(fields), options())
		t.Run(fields, func(t *testing.T) { wantProblems(t, err, want...) })
	}
}

// A rule that takes a notice back is for the audience that it was for.
func TestRetractingRulesNameTheSameOnes(t *testing.T) {
	const two = "sources:\n  - topic: orders\n    rules:\n      - {name: out, %s}\n      - {name: back, %s, retract: {id: x, rule: out}}\n"
	for name, c := range map[string]struct {
		out, back, problem string
	}{
		"both of an audience": {"audience: all, id: x, title: x", "audience: all", ""},
		"of recipients":       {"audience: all, id: x, title: x", "recipients: event.to", `the rule "out" is for an audience`},
		"of an audience":      {"recipients: event.to, id: x, title: x", "audience: all", `the rule "out" is for recipients`},
		"of no notification":  {"recipients: event.to, subscribe: x", "recipients: event.to", `the rule "out" sends nothing`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rules.Parse("rules.yaml", fmt.Sprintf(two, c.out, c.back), options())
			if c.problem == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantProblems(t, err, c.problem)
		})
	}
}

func TestExplainAnAudience(t *testing.T) {
	s := sourceOf(t, parseRules(t, ruleOf(`audience: "topic:${event.team}", title: Hello`)), "orders")
	e := s.Explain(orderRecord(`{"team":"sales"}`))
	if e.Err != nil || len(e.Events) != 1 {
		t.Fatalf("got %+v", e)
	}
	o := e.Events[0].Outcomes[0]
	if i := slices.IndexFunc(o.Fields, func(f rules.FieldValue) bool { return f.Name == "audience" }); i < 0 || o.Fields[i].Value != "topic:sales" || !o.Delivery.Delivers() {
		t.Errorf("got %+v", o)
	}
}
