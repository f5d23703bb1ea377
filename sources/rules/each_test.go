package rules_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/rules"
)

const rowsRules = `
sources:
  - topic: orders
    let: {table: event.table}
    rules:
      - name: row
        when: event.type == "INSERT" && item.n > 1.0
        each: event.data
        recipients: item.user
        title: "${table} ${item.n} at ${index}"
      - name: by-id
        when: event.type == "NAMED"
        each: json(event.text)
        recipients: "[item.user, event.boss]"
        exclude: item.?by
        id: "${item.id}"
        title: "${item.id}"
      - {name: back, when: event.type == "BACK", each: event.data, recipients: item.user, retract: {id: "${item.id}", rule: by-id}}
`

func TestEach(t *testing.T) {
	source := sourceOf(t, parseRules(t, rowsRules), "orders")
	for _, tt := range []struct{ name, value, want string }{
		{"one event an element", `{"type":"INSERT","table":"t","data":[{"user":"kim","n":1.50},{"user":"lee","n":2},{"user":"park","n":1}]}`,
			`[kim] "t 1.50 at 0" made/row/0 0; [lee] "t 2 at 1" made/row/1 1`},
		{"an event of another type", `{"type":"DELETE","data":7}`, ``},
		{"no list", `{"type":"INSERT"}`, ``},
		{"null", `{"type":"INSERT","data":null}`, ``},
		{"empty", `{"type":"INSERT","data":[]}`, ``},
		{"an element without the field of the condition", `{"type":"INSERT","table":"t","data":[{"user":"kim"},{"user":"lee","n":2}]}`, `[lee] "t 2 at 1" made/row/1 1`},
		{"JSON in a text, ids of the element", `{"type":"NAMED","boss":"b","text":"[{\"user\":\"kim\",\"id\":7},{\"user\":\"lee\",\"id\":\"x\",\"by\":\"b\"}]"}`,
			`[kim b] "7" 7 0; [lee] "x" x 1`},
		{"retraction", `{"type":"BACK","data":[{"user":"kim","id":7},{"user":"lee","id":8}]}`, `[kim] retracts 7 0; [lee] retracts 8 1`},
		{"lists in a list", `[{"type":"INSERT","table":"t","data":[{"user":"a","n":2},{"user":"b","n":3}]},{"type":"INSERT","table":"u","data":[{"user":"c","n":4}]}]`,
			`[a] "t 2 at 0" made/row/0 0; [b] "t 3 at 1" made/row/1 1; [c] "u 4 at 0" made/row/10000 10000`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ds, err := source.Route(orderRecord(tt.value))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range ds {
				n, r := d.Record.Notification, d.Record.Retraction
				r0 := orderRecord("")
				text := fmt.Sprintf("%v %q %s %d", d.Recipients, n.Title[""], strings.Replace(n.ID, r0.ID(), "made", 1), d.Record.Origin.Index)
				if r.ID != "" {
					text = fmt.Sprintf("%v retracts %s %d", d.Recipients, r.ID, d.Record.Origin.Index)
				}
				got = append(got, text)
			}
			if got := strings.Join(got, "; "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	ds, err := source.Route(orderRecord(`{"type":"INSERT","table":"t","data":[{"user":"kim","n":2},{"user":"lee","n":2}]}`, "id", "e-1", "eventType", "x", "aggregateId", "7"))
	if err != nil || len(ds) != 2 || ds[0].Record.Notification.ID != "e-1/0" || ds[1].Record.Notification.ID != "e-1/1" {
		t.Errorf("got %+v, %v, want ids of the event with the elements' places", ds, err)
	}
}

func TestEachErrors(t *testing.T) {
	source := sourceOf(t, parseRules(t, strings.Replace(rowsRules, "name: row\n", "name: order-received\n", 1)), "orders")
	list := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`{"user":"a","n":0},`, n), ",") + "]"
	}
	for _, tt := range []struct{ name, value, field, says string }{
		{"an object", `{"type":"INSERT","data":{"user":"a"}}`, "each", "must be a list"},
		{"too long", `{"type":"INSERT","data":` + list(rules.MaxItems+1) + `}`, "each", "at most 10000 elements"},
		{"too many in all", "[" + strings.TrimSuffix(strings.Repeat(`{"type":"INSERT","data":`+list(9_999)+`},`, 11), ",") + "]", "each", "100000 elements"},
		{"a field that an element lacks", `{"type":"INSERT","table":"t","data":[{"user":"a","n":2},{"n":2}]}`, "recipients", `there is no field "user"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ds, err := source.Route(orderRecord(tt.value))
			if ds != nil {
				t.Errorf("got %d deliveries beside an error", len(ds))
			}
			wantRuleError(t, err, tt.field, tt.says)
			if strings.Contains(tt.says, "elements") && !errors.Is(err, belfry.ErrTooLarge) {
				t.Errorf("%v is not of a size", err)
			}
		})
	}
}

func TestEachProblems(t *testing.T) {
	load := func(text string) error {
		_, err := rules.Parse("r.yaml", text, options())
		return err
	}
	wantProblems(t, load(oneRule("each: event.l\nbody: \"${itm.x}\"")), `"item"`)
	wantProblems(t, load(oneRule("body: \"${item.x}\"")), "item is there in a rule with each: alone")
	wantProblems(t, load(oneRule("each: event.x == 1")), "each: type error: must be a list, but is of type bool")
	wantProblems(t, load(oneRule("each: item.x")), "item is there")
	wantProblems(t, load(strings.Replace(oneRule("each: event.l"), "    rules:", "    let: {item: event.x}\n    rules:", 1)), `which let: has defined`)
}

func TestEachIsExplained(t *testing.T) {
	source := sourceOf(t, parseRules(t, rowsRules), "orders")
	r := orderRecord(`{"type":"INSERT","table":"t","data":[{"user":"kim","n":1.50},{"user":"lee","n":1}]}`)
	want, err := source.Route(r)
	if err != nil || len(want) != 1 {
		t.Fatalf("got %+v, %v", want, err)
	}
	outcomes := source.Explain(r).Events[0].Outcomes
	if len(outcomes) != 4 {
		t.Fatalf("got %+v, want one of each element and one of each other rule", outcomes)
	}
	if o := outcomes[0]; o.Item != 0 || !reflect.DeepEqual([]sources.Delivery{o.Delivery}, want) || o.Fields[0].Name != "item" || toText(o.Fields[0].Value) != "map[n:1.50 user:kim]" {
		t.Errorf("got %+v", o)
	}
	if o := outcomes[1]; o.Item != 1 || o.Why != "when is false" {
		t.Errorf("got %+v", o)
	}
	if o := outcomes[2]; o.Item != -1 || o.Why != "when is false" || len(o.Fields) != 2 || o.Fields[0].Name != "each" || o.Fields[1].Name != "when" {
		t.Errorf("got %+v", o)
	}
}

func TestJSONInATextAndOr(t *testing.T) {
	for _, tt := range []struct{ expression, value, want string }{
		{`json(event.a).b`, `{"a":"{\"b\":1.50}"}`, "1.50"},
		{`json(event.a).b * 2.0`, `{"a":"{\"b\":1.50}"}`, "3"},
		{`2.0 * json(event.a)`, `{"a":"1.50"}`, "3"},
		{`json(event.a)`, `{"a":"1.50"}`, "1.50"},
		{`json(event.a).map(x, x.p * 2.0)[0]`, `{"a":"[{\"p\":1.50}]"}`, "3"},
		{`json(event.a).b`, `{"a":{"b":"plain"}}`, "plain"},
		{`json(json(event.a).b).c`, `{"a":"{\"b\":\"{\\\"c\\\":1}\"}"}`, "1"},
		{`json(event.a).b`, `{"a":"{x"}`, "!json(): the text must be JSON: 'x' at byte 1"},
		{`json(event.a).b`, `{"a":""}`, "!json(): the text must be JSON"},
		{`or(event.a.b, "none")`, `{}`, "none"},
		{`or(event.a.b, "none")`, `{"a":null}`, "none"},
		{`or(event.a.b, "none")`, `{"a":{"b":null}}`, "none"},
		{`or(event.a.b, "none")`, `{"a":{"b":12.50}}`, "12.50"},
		{`or(event.a, event.b, "none")`, `{"b":5}`, "5"},
		{`or(event.a, event.b, event.c, "none")`, `{"b":null}`, "none"},
		{`or(event.l[0].x, "none")`, `{"l":[]}`, "none"},
		{`or(event.?a, "none")`, `{}`, "none"},
		{`or(json(event.a).b, "none")`, `{"a":null}`, "none"},
		{`or(event.a, 1.0) * 2.0`, `{"a":1.50}`, "3"},
		{`string(or(event.a, 0))`, `{"a":1.50}`, "1.50"},
		{`or(event.a / 0, "none")`, `{"a":1}`, "!division by zero"},
		{`or(event.a, event.b)`, `{"a":null,"b":null}`, "!the value is null"},
		{`or(event.a, event.b)`, `{}`, `!there is no field "b"`},
		{`event.?a.or(event.?b).orValue("none")`, `{}`, "none"},
	} {
		ds, err := route(t, "recipients: '\"a\"'\ntitle: "+quote("${"+tt.expression+"}"), tt.value)
		got := ""
		if err == nil {
			got = ds[0].Record.Notification.Title[""]
		} else {
			got = "!" + strings.TrimPrefix(err.Error(), "rule order-received: title: ")
		}
		if got != tt.want && !(err != nil && strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s of %s: got %s, want %s", tt.expression, tt.value, got, tt.want)
		}
	}
	// In a loop it costs what it makes.
	long := `"[` + strings.TrimSuffix(strings.Repeat("0,", 50_000), ",") + `]"`
	_, err := route(t, "title: "+quote("${event.l.map(x, json(event.a)).size()}"), `{"to":"a","l":[`+strings.TrimSuffix(strings.Repeat("1,", 100), ",")+`],"a":`+long+`}`)
	wantRuleError(t, err, "title", "takes too long")
}
