package rules_test

import (
	"errors"
	"reflect"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/rules"
)

// FuzzLoadRules: no text makes the rules panic, and every problem has a place
// and a text.
func FuzzLoadRules(f *testing.F) {
	for _, text := range []string{
		explained, rulesA, oneRule("time: event.at\nexpires_at: timestamp + duration('1h')"), oneRule("retract: {collapse_key: \"${event.x}\"}"),
		oneRule(`data: {a: ["${event.b}", 1.50, null], b: {c: true}}`), oneRule(`title: {en: "${'}'}", ko: "$${"}`),
		"sources: [{pattern: '(a|b)*\\b', rules: []}]", "sources: &a [*a]", "a: [", "sources:\n- topic: a\n  let: {x: y}",
		oneRule("when: |\n  a &&\n   b"), oneRule("body: >\n  ${\n  event.a\n  }"), "sources: [{topic: a, rules: [{<<: {a: b}}]}]",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := rules.Parse("rules.yaml", text, options())
		var wrong *rules.LoadError
		switch {
		case err == nil:
			if len(r.Sources()) == 0 || r.Hash() == "" {
				t.Errorf("no sources, and no error")
			}
		case !errors.As(err, &wrong) || len(wrong.Problems) == 0:
			t.Errorf("got %v, want problems", err)
		default:
			for _, p := range wrong.Problems {
				if p.Line < 1 || p.Column < 1 || p.Text == "" {
					t.Errorf("problem without a place: %+v", p)
				}
			}
		}
	})
}

// greedy rules use much of what there is, and fail for many events.
const greedy = `
sources:
  - topic: orders
    timezone: Asia/Seoul
    let: {o: event.payload, n: o.n}
    rules:
      - {name: a, when: event.type == "A" || o.n > 1.5, recipients: o.to, exclude: "event.?actor", id: "${o.?id}", title: "${n} ${o.?s.orValue('')}", data: {all: "${event}", keys: "${o.map(k, k)}"}}
      - {name: b, recipients: "event.?watchers", title: "${type} ${id}", time: "event.?at", priority: "${event.?p.orValue('low')}"}
      - {name: c, when: has(event.gone), recipients: o.to, retract: {id: "${o.id}", rule: b}}
`

// FuzzRoute: no value makes the rules panic; routing twice gives the same; what
// comes out is right.
func FuzzRoute(f *testing.F) {
	for _, value := range []string{
		`{"type":"A","payload":{"n":1.50,"to":["a","b"],"s":"x","id":7}}`, `[{"watchers":"w","at":[2026,1,31]},{"watchers":["v",1e3]}]`,
		`{"gone":1,"payload":{"to":"a","id":"x","n":2}}`, `"{\"watchers\":\"w\"}"`, `null`, `[]`, ``, `{"payload":null}`, `{"watchers":"a/b"}`,
		`{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"watchers":"w"}}`,
	} {
		f.Add([]byte(value), []byte("k"), "h", []byte("v"))
	}
	source := sourceOf(f, parseRules(f, greedy), "orders")
	f.Fuzz(func(t *testing.T, value, key []byte, header string, headerValue []byte) {
		r := orderRecord("")
		r.Value, r.Key, r.Headers = value, key, []sources.Header{{Key: header, Value: headerValue}}
		wantStable(t, source, r)
	})
}

func wantStable(t interface {
	Helper()
	Errorf(string, ...any)
}, source *rules.Source, r sources.Record) {
	t.Helper()
	first, err := source.Route(r)
	second, again := source.Route(r)
	if !reflect.DeepEqual(first, second) || toText(err) != toText(again) {
		t.Errorf("routed twice: %+v, %v\nand %+v, %v", first, err, second, again)
	}
	for _, d := range first {
		n, seen := d.Record.Notification, map[string]bool{}
		for _, to := range d.Recipients {
			if seen[to] {
				t.Errorf("%q gets it twice", to)
			}
			seen[to] = true
			n.Recipient = to
			if d.Record.Retraction.ID == "" {
				if err := n.Check(); err != nil {
					t.Errorf("%+v: %v", n, err)
				}
			}
		}
		if len(d.Recipients) == 0 {
			t.Errorf("a delivery for nobody: %+v", d)
		}
	}
}

func TestRoutingTwiceIsTheSame(t *testing.T) {
	const event = `\{"type":"[AB]","payload":\{("n":[0-9]\.[0-9]0,)?"to":(\["[ab]","[ac]"\]|"a"|7)(,"id":[0-9])?(,"[e-m]":1)?\}(,"watchers":\["w","[vw]"\])?(,"gone":1)?(,"actor":"[ab]")?\}`
	source := sourceOf(t, parseRules(t, greedy), "orders")
	rapid.Check(t, func(t *rapid.T) {
		r := orderRecord("")
		r.Value = []byte(rapid.StringMatching(`\[`+event+`(,`+event+`)?\]`).Draw(t, "value"))
		wantStable(t, source, r)
	})
}

func TestRouteIsConcurrent(t *testing.T) {
	source := sourceOf(t, parseRules(t, greedy), "orders")
	values := []string{
		`{"type":"A","payload":{"n":1.50,"to":["a","b"],"s":"x","id":7,"z":1,"y":2}}`, `[{"watchers":"w","type":"B"},{"watchers":["v"],"at":"2026-01-31"}]`, `{"watchers":"a/b"}`,
	}
	want := make([]string, len(values))
	for i, v := range values {
		ds, err := source.Route(orderRecord(v))
		want[i] = toText(ds) + toText(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for n := range 200 {
				i := (g + n) % len(values)
				ds, err := source.Route(orderRecord(values[i]))
				if got := toText(ds) + toText(err); got != want[i] {
					t.Errorf("got %s, want %s", got, want[i])
					return
				}
			}
		})
	}
	wg.Wait()
}
