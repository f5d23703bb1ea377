package rules_test

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/sources/rules"
)

// TestAdviceHelps holds that what people write who know another language is answered
// by what to write here, and that this is right.
func TestAdviceHelps(t *testing.T) {
	for _, tt := range []struct{ wrong, says, right string }{
		{`event.type = "X"`, "write == to compare", `event.type == "X"`},
		{`event.type === "X"`, "write == instead of ===", `event.type == "X"`},
		{`event.name.tolower() == "x"`, "write x.lowerAscii()", `event.name.lowerAscii() == "x"`},
		{`toLowerCase(event.name) == "x"`, "write x.lowerAscii()", ""},
		{`now() < timestamp`, "there is no clock", `time < timestamp`},
		{`event.t < now`, "there is no clock", ""},
		{`event.a == nil`, "write null", `event.a == null`},
		{`event.a == None`, "write null", ""},
		{`event.a == NULL`, "write null", ""},
		{`event.a is null`, "write == instead of is", ""},
		{`isNull(event.a)`, "x == null", `event.a == null || !has(event.a)`},
		{`!event.a == null`, "null is compared with a field alone", `event.a != null`},
		{`event.a != null and event.b == 1`, "write && instead of and", `event.a != null && event.b == 1`},
		{`event.a or event.b`, "write || instead of or", `event.a || event.b`},
		{`not event.a`, "write !x", `!event.a`},
		{`event.a & event.b`, "write && instead of &", ""},
		{`event.a ?? "x" == "x"`, "or(x, y)", `or(event.a, "x") == "x"`},
		{`coalesce(event.a, "x") == "x"`, "or(x, y)", ""},
		{`event?.a == 1`, "event.?a", `event.?a.orValue(0) == 1`},
		{`event.a <> 1`, "write !=", `event.a != 1`},
		{`event.type in ("X", "Y")`, "in brackets", `event.type in ["X", "Y"]`},
		{`event.type in "X"`, `x.contains("y")`, `event.type.contains("X")`},
		{`event.l.any(x, x == 1)`, "x.exists(e", `event.l.exists(x, x == 1)`},
		{`event.l.length() > 0`, "write size(x)", `size(event.l) > 0`},
		{`parseJson(event.a).b == 1`, "write json(x)", `json(event.a).b == 1`},
		{`startsWith(event.a, "x")`, "x.startsWith(...)", `event.a.startsWith("x")`},
		{`timestamp > "2026-01-01"`, `write time("`, `timestamp > time("2026-01-01T00:00:00Z")`},
		{`has(event["a"])`, `"a" in event`, `"a" in event`},
		{`if(event.a, true, false)`, "condition ? a : b", `event.a ? true : false`},
		{`event.type == “X”`, "plain quotes", ""},
		{`${event.a} == 1`, "write event.a", ""},
		{`event.type == 'X`, "no quote at its end", ""},
		{`event.type == X`, "a text needs quotes of its own", ""},
		{`event.type == "X" && item.n == 1`, "each:", ""},
		{`payload.x == 1`, "event.x", ""},
		{`evnt.x == 1`, `the nearest known one is "event"`, ""},
		{`event.a.startWith("x")`, `the nearest known one is "startsWith"`, ""},
		{`event.a.frobnicate()`, "docs/rules.md", ""},
	} {
		_, err := rules.Parse("r.yaml", oneRule("when: "+quote(tt.wrong)), options())
		if err == nil || strings.Count(err.Error(), "\n") > 0 || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want one problem that says %s", tt.wrong, err, tt.says)
		}
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("%s: %d bytes of advice", tt.wrong, len(err.Error()))
		}
		if tt.right == "" {
			continue
		}
		if _, err := rules.Parse("r.yaml", oneRule("when: "+quote(tt.right)), options()); err != nil {
			t.Errorf("what the advice for %s leads to is refused: %v", tt.wrong, err)
		}
	}
}
