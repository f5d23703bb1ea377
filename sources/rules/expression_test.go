package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources/rules"
)

// bodyOf is what a text gives for an event.
func bodyOf(t *testing.T, body, value string) string {
	t.Helper()
	return notificationOf(t, "body: "+quote(body), value).Body[""]
}

func TestTexts(t *testing.T) {
	const value = `{"to":"a","i":7,"big":18446744073709551615,"huge":123456789012345678901234567890,"d":12.50,"e":1e6,"neg":-0.0,"b":true,"s":"x","l":[1.50,2],"o":{"d":1.20,"n":null}}`
	for _, tt := range []struct{ text, want string }{
		{"plain", "plain"},
		{"$${event.i} $ {} $", "${event.i} $ {} $"},
		{"${event.i}", "7"},
		{"${event.big} ${event.huge}", "18446744073709551615 123456789012345678901234567890"},
		{"${event.d} ${event.e} ${event.neg}", "12.50 1e6 -0.0"},
		{"${event['d']} ${event.o.d} ${event.l[0]}", "12.50 1.20 1.50"},
		{"${event.?d.orValue('')} ${event.?x.orValue('none')} ${event.?o.?d.orValue(1.0)}", "12.50 none 1.20"},
		{"${string(event.d)} ${'a' + string(event.d)}", "12.50 a12.50"},
		{"${event.b ? event.d : event.e}", "12.50"},
		{"${event.l.map(x, x)[0]} ${event.l.filter(x, x > 1.6)[0]}", "1.5 2"},
		{"${event.d + 1.0} ${event.e * 1.0} ${event.i + 1}", "13.5 1000000 8"},
		{"${1.5 < event.d} ${event.d == 12.5} ${12.5 == event.d} ${event.l[0] == 1.5} ${1.5 in event.l}", "true true true true true"},
		{"${event.?d.orValue(0.0) > 12.0} ${12.0 < event.?d.orValue(0.0)}", "true true"},
		{"${event.b} ${true}", "true true"},
		{"${duration('90s')} ${timestamp + duration('1h')}", "90s 2026-01-31T10:00:00Z"},
		{"${b'abc'} ${base64.encode(b'abc')}", "abc YWJj"},
		{"${{'a': '}'}['a']} ${\"}\"} ${'\\'}'} ${r'\\'}", "} } '} \\"},
		{"${event.s.upperAscii()} ${'a,b'.split(',')[1]} ${['a', 'b'].join('-')} ${'%s!'.format([event.s])}", "X b a-b x!"},
		{"${event.o.map(k, k).join(',')} ${event.map(k, k)[0]}", "d,n b"},
		{"${math.greatest(event.i, 3)} ${sets.contains(event.l, [2])} ${cel.bind(x, event.i, x + x)}", "7 true 14"},
		{"${time('2026-02-01')} ${time(0)} ${time([2026,2,1,9,30])}", "2026-02-01T00:00:00Z 1970-01-01T00:00:00Z 2026-02-01T09:30:00Z"},
		{"${size(event.l)} ${has(event.x)} ${event.o.n == null} ${type(event.i) == int}", "2 false true true"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			if got := bodyOf(t, tt.text, value); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestKeysThatAreNoText(t *testing.T) {
	source := sourceOf(t, parseRules(t, oneRule(`body: "${type(key) == bytes} ${key == null}"`)), "orders")
	for _, tt := range []struct {
		key  []byte
		want string
	}{{[]byte{0xff, 0}, "true false"}, {nil, "false true"}, {[]byte("k"), "false false"}} {
		r := orderRecord(`{"to":"a"}`)
		r.Key = tt.key
		ds, err := source.Route(r)
		if err != nil || len(ds) != 1 || ds[0].Record.Notification.Body[""] != tt.want {
			t.Errorf("%q: got %+v, %v, want %s", tt.key, ds, err, tt.want)
		}
	}
}

func TestZones(t *testing.T) {
	text := strings.Replace(oneRule("time: event.at\nexpires_at: time(event.at)"), "    rules:", "    timezone: Asia/Seoul\n    rules:", 1)
	ds, err := sourceOf(t, parseRules(t, text), "orders").Route(orderRecord(`{"to":"a","at":"2026-01-31T18:00:00"}`))
	if err != nil || len(ds) != 1 {
		t.Fatalf("got %+v, %v", ds, err)
	}
	if n := ds[0].Record.Notification; !n.Time.Equal(recordTime) || !n.ExpiresAt.Equal(recordTime) {
		t.Errorf("got %s, %s, want %s", n.Time, n.ExpiresAt, recordTime)
	}
}

func TestLetsAreEvaluatedForEachEvent(t *testing.T) {
	text := strings.Replace(oneRule("recipients: who\nbody: '${n} ${twice}'"), "    rules:", "    let: {who: event.to, n: event.n, twice: n + n}\n    rules:", 1)
	ds, err := sourceOf(t, parseRules(t, text), "orders").Route(orderRecord(`[{"to":"a","n":1.50},{"to":"b","n":2}]`))
	if err != nil || len(ds) != 2 {
		t.Fatalf("got %+v, %v", ds, err)
	}
	for i, want := range []string{"a 1.50 3", "b 2 4"} {
		if got := ds[i].Recipients[0] + " " + ds[i].Record.Notification.Body[""]; got != want {
			t.Errorf("event %d: got %s, want %s", i, got, want)
		}
	}
}

func TestExpressionsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	list := "[" + strings.TrimSuffix(strings.Repeat("1,", 20_000), ",") + "]"
	for _, tt := range []struct{ name, body, value, says string }{
		{"cost", "${event.l.all(a, event.l.all(b, b == a))}", `{"to":"a","l":` + list + `}`, "takes too long"},
		{"replace", "${event.s.replace('x', event.s)}", `{"to":"a","s":"` + long + `"}`, "takes too long"},
		{"replace of nothing", "${event.s.replace('', event.s)}", `{"to":"a","s":"` + long + `"}`, "takes too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := route(t, "title: "+quote(tt.body), tt.value)
			wantRuleError(t, err, "title", tt.says)
		})
	}
	if got := bodyOf(t, "${event.s.replace('a', 'bb')} ${'hello'.replace('l', 'L', 1)}", `{"to":"a","s":"aca"}`); got != "bbcbb heLlo" {
		t.Errorf("got %s", got)
	}
}

func TestManyRecipientsShareOneDelivery(t *testing.T) {
	people := func(n int) string {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf(`{"id":"user-%d"}`, i)
		}
		return `{"to":[` + strings.Join(names, ",") + `]}`
	}
	ds, err := route(t, "recipients: event.to.map(u, u.id)\nexclude: \"['user-7', 'user-8']\"", people(10_000))
	if err != nil || len(ds) != 1 || len(ds[0].Recipients) != 9_998 || ds[0].Recipients[7] != "user-9" {
		t.Fatalf("got %d deliveries, %v", len(ds), err)
	}
	_, err = route(t, "recipients: \"event.to + event.to\"", `{"to":[`+strings.TrimSuffix(strings.Repeat("1,", 50_001), ",")+`]}`)
	wantRuleError(t, err, "recipients", "must be at most 100000 for one event, are 100002")
}

func TestRecipientsOfAllKinds(t *testing.T) {
	for _, tt := range []struct{ to, want string }{
		{`"a"`, "a"}, {`7`, "7"}, {`12345678901234567890123`, "12345678901234567890123"}, {`["a",7,"a","b"]`, "a 7 b"},
		{`null`, ""}, {`""`, ""}, {`[]`, ""}, {`["",null,"a"]`, "a"}, {`["a","b","c","d","e","f","g","h","i","j","a","j"]`, "a b c d e f g h i j"},
	} {
		t.Run(tt.to, func(t *testing.T) {
			ds, err := route(t, "recipients: event.?to", `{"to":`+tt.to+`}`)
			got := ""
			if len(ds) == 1 {
				got = strings.Join(ds[0].Recipients, " ")
			}
			if err != nil || got != tt.want {
				t.Errorf("got %s, %v, want %s", got, err, tt.want)
			}
		})
	}
	if ds, err := route(t, "recipients: event.?to\nexclude: event.?nobody", `{}`); err != nil || len(ds) != 0 {
		t.Errorf("got %+v, %v, want nobody", ds, err)
	}
	if ds, err := route(t, "recipients: event.to\nexclude: event.to", `{"to":["a","b"]}`); err != nil || len(ds) != 0 {
		t.Errorf("got %+v, %v, want nobody", ds, err)
	}
}

func TestDefaultLocation(t *testing.T) {
	o := options()
	o.Location = time.FixedZone("test", 9*3600)
	o.Prefix = belfry.Prefix("acme")
	r, err := rules.Parse("rules.yaml", oneRule("time: event.at"), o)
	if err != nil {
		t.Fatal(err)
	}
	ds, err := sourceOf(t, r, "orders").Route(orderRecord(`{"to":"a","at":"2026-01-31T18:00:00"}`))
	if err != nil || len(ds) != 1 || !ds[0].Record.Notification.Time.Equal(recordTime) {
		t.Errorf("got %+v, %v", ds, err)
	}
}
