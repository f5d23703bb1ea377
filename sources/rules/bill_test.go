package rules_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources/rules"
	"github.com/belfry/belfry/sources/rules/bill"
)

// maxAllocated is how much a record may allocate while it is routed, in all: 64 MiB, and
// what decoding its JSON takes.
const maxAllocated = 128 << 20

func TestRecordsThatAreMuchWorkAreSetAside(t *testing.T) {
	if testing.Short() {
		t.Skip("much work of one goroutine")
	}
	list := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, format, i)
		}
		return "[" + b.String() + "]"
	}
	object := func(n int) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"k%d":%d`, i, i)
		}
		return "{" + b.String() + "}"
	}
	long := func(n int) string { return `"` + strings.Repeat("a", n) + `"` }
	lists := `{"to":"a","members":` + list(30_000, `"m%d"`) + `,"muted":` + list(30_000, `"x%d"`) + `}`
	texts := `{"to":"a","s":` + long(400_000) + `,"t":"` + strings.Repeat("a", 200_000) + `b"}`
	for _, c := range []struct{ name, fields, value string }{
		{"in a list within filter", "recipients: event.members.filter(m, !(m in event.muted))", lists},
		{"sets.intersects", "when: sets.intersects(event.members, event.muted)", lists},
		{"sets.contains", "when: sets.contains(event.members, event.muted)", lists},
		{"sets.equivalent", "when: sets.equivalent(event.members, event.muted)", lists},
		{"comprehensions in each other", "when: event.members.exists(m, event.muted.exists(x, x == m))", lists},
		{"join", "title: ${event.l.join(event.sep)}", `{"to":"a","l":` + list(20_000, `"%d"`) + `,"sep":` + long(70_000) + `}`},
		{"replace", "title: ${event.s.replace('a', event.s)}", texts},
		{"indexOf", "when: event.s.indexOf(event.t) >= 0", texts},
		{"lastIndexOf", "when: event.s.lastIndexOf(event.t) >= 0", texts},
		{"matches", "when: event.s.matches('(a?){100}(a|b|c)*d$')", texts},
		{"a pattern from outside", "when: event.l.exists(x, event.s.matches(x))", `{"to":"a","s":` + long(1000) + `,"l":` + list(30_000, `"(a?){50}%db$"`) + `}`},
		{"texts put together", "title: ${event.l.map(x, event.s + x)[0]}", `{"to":"a","s":` + long(300_000) + `,"l":` + list(50_000, `"%d"`) + `}`},
		{"doubling a text", "title: ${" + doubled("event.s + event.s", "+", 30) + "}", `{"to":"a","s":"abcdefgh"}`},
		{"doubling a list", "when: size(" + doubled("event.l + event.l", "+", 40) + ") > 0", `{"to":"a","l":[1,2]}`},
		{"doubling data", "data: {x: '${" + nested(40) + "}'}", `{"to":"a","l":[1,2]}`},
		{"names in order", "when: event.o.exists(k, event.o.exists(j, true) && k == '')", `{"to":"a","o":` + object(40_000) + `}`},
		{"names in order of json", "when: event.l.exists(x, json(event.s).exists(j, true) && x == -1)", `{"to":"a","l":` + list(40_000, "%d") + `,"s":` + fmt.Sprintf("%q", object(10_000)) + `}`},
		{"json within a list", "when: event.l.exists(x, json(event.s) == x)", `{"to":"a","l":` + list(50_000, "%d") + `,"s":` + fmt.Sprintf("%q", list(50_000, "%d")) + `}`},
		{"length of a text", "when: event.l.exists(x, size(event.s) == -x - 1)", `{"to":"a","l":` + list(100_000, "%d") + `,"s":"` + strings.Repeat("é", 100_000) + `"}`},
		{"beginning of a text", "when: size(event.l.filter(x, event.s.startsWith(event.s + ''))) < 0", `{"to":"a","l":` + list(50_000, "%d") + `,"s":` + long(500_000) + `}`},
		{"equal lists", "when: event.l.exists(x, event.m != event.m)", `{"to":"a","l":` + list(50_000, "%d") + `,"m":` + list(50_000, "%d") + `}`},
		{"time zones", "when: event.l.exists(x, timestamp.getHours(event.z) == x + 100)", `{"to":"a","l":` + list(100_000, "%d") + `,"z":"Asia/Seoul"}`},
		{"runes", "when: event.l.exists(x, event.s.charAt(0) == 'b')", texts[:len(texts)-1] + `,"l":` + list(50_000, "%d") + `}`},
		{"whole texts for each", "each: event.l\ntitle: ${event.s}", `{"to":"a","l":` + list(10_000, "%d") + `,"s":` + long(60_000) + `}`},
		{"whole data for each", "each: event.l\ndata: {x: '${event.l}'}", `{"to":"a","l":` + list(9_000, "%d") + `}`},
		{"texts in one title", "title: " + strings.Repeat("${event.s}", 200), `{"to":"a","s":` + long(900_000) + `}`},
		{"a list as the time of each", "each: event.l\ntime: event.t", `{"to":"a","l":` + list(9_900, "%d") + `,"t":` + list(100_000, "%d") + `}`},
		{"a text as the time of each", "each: event.l\nexpires_at: event.t", `{"to":"a","l":` + list(9_900, "%d") + `,"t":` + long(900_000) + `}`},
		{"a long name for each", "each: event.l\nexclude: event.t", `{"to":"a","l":` + list(9_900, "%d") + `,"t":` + long(900_000) + `}`},
		{"absorbed", "when: event.members.exists(m, event.muted.exists(x, x == m)) || true", lists},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := sourceOf(t, parseRules(t, oneRule(c.fields)), "orders")
			record := orderRecord(c.value)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := source.Route(record)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, belfry.ErrTooLarge) {
				t.Errorf("got %v, want it set aside as too large", err)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > maxAllocated {
				t.Errorf("%d MiB were allocated, want at most %d", n>>20, maxAllocated>>20)
			}
		})
	}
}

// A rule for each of many elements reads the same key for all of them.
func TestKeyIsReadOnce(t *testing.T) {
	source := sourceOf(t, parseRules(t, oneRule("each: event.l\nwhen: key != item.x")), "orders")
	record := orderRecord(`{"to":"a","l":[` + strings.TrimSuffix(strings.Repeat(`{"x":"a"},`, 100), ",") + `]}`)
	record.Key = []byte(strings.Repeat("k", 900_000))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	ds, err := source.Route(record)
	runtime.ReadMemStats(&after)
	if err != nil || len(ds) != 100 {
		t.Errorf("got %d deliveries, %v, want 100", len(ds), err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 5<<20 {
		t.Errorf("%d MiB were allocated for a key of 1", n>>20)
	}
}

// doubled binds names to twice the one before.
func doubled(first, operator string, times int) string {
	var b strings.Builder
	before := first
	for i := range times {
		fmt.Fprintf(&b, "cel.bind(x%d, %s, ", i, before)
		before = fmt.Sprintf("x%d %s x%[1]d", i, operator)
	}
	return b.String() + before + strings.Repeat(")", times)
}

// nested binds names to a list of the one before, twice.
func nested(times int) string {
	var b strings.Builder
	before := "event.l"
	for i := range times {
		fmt.Fprintf(&b, "cel.bind(x%d, %s, ", i, before)
		before = fmt.Sprintf("[x%d, x%[1]d]", i)
	}
	return b.String() + before + strings.Repeat(")", times)
}

func TestBillIsOfAllRulesTogether(t *testing.T) {
	text := "sources:\n  - topic: orders\n    rules:\n"
	for i := range 20 {
		text += fmt.Sprintf("      - {name: r%d, recipients: 'event.l.filter(x, x != \"%d\")', title: T}\n", i, i)
	}
	var l strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&l, `,"m%d"`, i)
	}
	source := sourceOf(t, parseRules(t, text), "orders")
	if _, err := source.Route(orderRecord(`{"l":[` + l.String()[1:] + `]}`)); !errors.Is(err, bill.ErrOver) {
		t.Errorf("got %v, want the limit", err)
	}
	// It is of one record, not of the source.
	for range 100 {
		if ds, err := source.Route(orderRecord(`{"l":["a","b"]}`)); err != nil || len(ds) != 20 {
			t.Fatalf("got %d deliveries, %v, want 20", len(ds), err)
		}
	}
}

func TestDataThatBreaksClientsIsRefused(t *testing.T) {
	for name, value := range map[string]string{
		"levels": strings.Repeat("[", 70) + strings.Repeat("]", 70), "digits": strings.Repeat("7", 5000), "exponent": "1e999999",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := route(t, "data: {x: '${event.x}', y: 1}", `{"to":"a","x":`+value+`}`)
			var re *rules.Error
			if !errors.As(err, &re) || !strings.HasPrefix(re.Field, "data") {
				t.Errorf("got %v, want an error of data", err)
			}
		})
	}
}
