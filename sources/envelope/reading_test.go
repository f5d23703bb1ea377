package envelope

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/belfry/belfry"
)

// TestCallsAreRefusedBeforeTheyAreRead holds that a body of a call which has too many
// values is refused with its field once they are seen, whatever comes behind them: each
// ends in what is no JSON, which is never looked at.
func TestCallsAreRefusedBeforeTheyAreRead(t *testing.T) {
	for name, tt := range map[string]struct {
		body, field string
		tooLarge    bool
	}{
		"events":               {"[" + strings.Repeat("1,", MaxEvents+1), "", true},
		"a list in a list":     {`[{},[1,`, "[1]", false},
		"recipients":           {`{"title":"x","recipients":[` + strings.Repeat(`"a",`, belfry.MaxRecipients+1), "recipients", true},
		"recipients in a list": {`[{},{"recipients":[` + strings.Repeat(`"a",`, belfry.MaxRecipients+1), "[1].recipients", true},
		"data":                 {`{"data":{"a":[` + strings.Repeat("1,", belfry.MaxItemBytes+1), "data", true},
	} {
		_, err := parse(new(Room), tt.body+"!", reading{whole: true})
		fe, ok := errors.AsType[*belfry.FieldError](err)
		if !ok || fe.Field != tt.field || fe.TooLarge != tt.tooLarge || strings.Contains(fe.Problem, "not JSON") {
			t.Errorf("%s: got %v, want a refusal of %q", name, err, tt.field)
		}
		// Of a record the rest goes on: each element is judged for itself.
		if _, err := parse(new(Room), tt.body+"!", reading{}); err == nil || !strings.Contains(err.Error(), "JSON") {
			t.Errorf("%s, in a record: got %v", name, err)
		}
	}
	for name, body := range map[string]string{
		"as many events as may be":     "[" + strings.Repeat("1,", MaxEvents-1) + "1]",
		"as many recipients as may be": `{"recipients":[` + strings.Repeat(`"a",`, belfry.MaxRecipients-1) + `"a"]}`,
		"recipients within data":       `{"data":{"recipients":[` + strings.Repeat(`1,`, belfry.MaxRecipients) + `1]}}`,
		"many in a field of no name":   `{"more":[` + strings.Repeat(`1,`, belfry.MaxItemBytes) + `1],"recipients":["a"]}`,
	} {
		if _, err := parse(new(Room), body, reading{whole: true}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// pruned is what is looked at of a value, as [reading] says it.
func pruned(v any, looked bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, of := range v {
			if looked {
				out[name] = pruned(of, slices.Contains(envelopeMembers, name))
			}
		}
		return out
	case []any:
		out := []any{}
		for i, of := range v {
			if looked && i <= MaxEvents {
				out = append(out, pruned(of, true))
			}
		}
		return out
	}
	return v
}

// full has empty lists and objects in place of none.
func full(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, of := range v {
			out[name] = full(of)
		}
		return out
	case []any:
		out := []any{}
		for _, of := range v {
			out = append(out, full(of))
		}
		return out
	}
	return v
}

// TestEnvelopesAreReadAsDocuments holds that a document that is read for its envelope is
// refused when it is refused otherwise, in the same words, and that what is looked at of it
// is the same.
func TestEnvelopesAreReadAsDocuments(t *testing.T) {
	names := []string{"data", "payload", "schema", "source", "title", "x", "specversion"}
	var document func(*rapid.T, int) string
	document = func(t *rapid.T, depth int) string {
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		if depth == 0 {
			kind %= 4
		}
		switch kind {
		case 4:
			var out []string
			for range rapid.IntRange(0, 4).Draw(t, "elements") {
				out = append(out, document(t, depth-1))
			}
			return "[" + strings.Join(out, ",") + "]"
		case 5:
			var out []string
			for range rapid.IntRange(0, 4).Draw(t, "members") {
				out = append(out, fmt.Sprintf("%q:%s", rapid.SampledFrom(names).Draw(t, "name"), document(t, depth-1)))
			}
			return "{" + strings.Join(out, ",") + "}"
		}
		return rapid.SampledFrom([]string{"1", "-0", "null", "true", `"a"`, `"\u00e9\n"`, "1.5e3", `"1.0"`}).Draw(t, "value")
	}
	rapid.Check(t, func(t *rapid.T) {
		text := document(t, 5)
		if rapid.IntRange(0, 3).Draw(t, "cut") == 0 {
			text = text[:rapid.IntRange(0, len(text)).Draw(t, "length")]
		}
		want, wantErr := parse(new(Room), text, reading{})
		got, err := parse(new(Room), text, reading{envelope: true})
		if wantErr != nil && strings.Contains(wantErr.Error(), "must stand once in a CloudEvent") {
			t.Skip() // which is none where nobody looks
		}
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("%s: got %v, want %v", text, err, wantErr)
		}
		if wantErr == nil && !reflect.DeepEqual(full(got), pruned(want, true)) {
			t.Fatalf("%s: got %v, want %v", text, got, pruned(want, true))
		}
	})
}

// TestManyMembersAreOneValue holds that lists and objects whose members are put together in
// several goes have all of them, in their order, and know of a name that stands twice.
func TestManyMembersAreOneValue(t *testing.T) {
	for _, n := range []int{maxOpen - 1, maxOpen, maxOpen + 1, 3*maxOpen + 7} {
		var list, object strings.Builder
		for i := range n {
			fmt.Fprintf(&list, `[%d],`, i)
			fmt.Fprintf(&object, `"%d":{"a":%d},`, i, i)
		}
		v, err := ParseJSON([]byte("[" + list.String() + `"last"]`))
		if err != nil {
			t.Fatal(err)
		}
		values := v.([]any)
		for i := range n {
			if !reflect.DeepEqual(values[i], []any{int64(i)}) {
				t.Fatalf("element %d of %d is %v", i, n, values[i])
			}
		}
		if len(values) != n+1 || values[n] != "last" {
			t.Errorf("%d elements of %d, the last %v", len(values), n+1, values[len(values)-1])
		}
		if v, err = ParseJSON([]byte("{" + object.String() + `"last":1}`)); err != nil {
			t.Fatal(err)
		}
		members := v.(map[string]any)
		for i := range n {
			if !reflect.DeepEqual(members[fmt.Sprint(i)], map[string]any{"a": int64(i)}) {
				t.Fatalf("member %d of %d is %v", i, n, members[fmt.Sprint(i)])
			}
		}
		if len(members) != n+1 {
			t.Errorf("%d members of %d", len(members), n+1)
		}
		_, err = ParseJSON([]byte(`{"specversion":"1.0",` + object.String() + `"last":1,"0":1,"1":1}`))
		if err == nil || !strings.HasPrefix(err.Error(), "0: must stand once") {
			t.Errorf("a CloudEvent of %d members with one twice: %v", n, err)
		}
	}
}

// TestFewMembersAreOpenAtATime holds that a long list or object is put together in pieces.
func TestFewMembersAreOpenAtATime(t *testing.T) {
	for _, text := range []string{"[" + strings.Repeat("0,", 5*maxOpen) + "0]", "{" + strings.Repeat(`"a":0,`, 5*maxOpen) + `"a":0}`} {
		p := parser{text: text, room: new(Room)}
		if _, err := p.value(0); err != nil || p.most > maxOpen {
			t.Errorf("%.6s: %d members were open: %v", text, p.most, err)
		}
	}
}

// TestARecordOfTooManyEvents holds the bound for those whose texts are kept, too.
func TestARecordOfTooManyEvents(t *testing.T) {
	for n, want := range map[int]string{MaxEvents: "", MaxEvents + 1: tooManyEvents().Error()} {
		list := "[" + strings.Repeat(`{},`, n-1) + "{}]"
		d := &decoding{Decoder: NewDecoder(Config{}), texts: true}
		events, err := d.events(t.Context(), []byte(list))
		if want == "" && (err != nil || len(events) != n) || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("of %d: got %d events and %v, want %q", n, len(events), err, want)
		}
	}
}

// TestNumbersThatNobodyReadAreNotKept holds what an event costs whose most is of no use.
func TestNumbersThatNobodyReadAreNotKept(t *testing.T) {
	text := `{"recipient":"u","title":"x","other":[` + strings.Repeat("0,", 100_000) + "0]}"
	most := testing.AllocsPerRun(3, func() {
		if _, err := parse(new(Room), text, reading{envelope: true}); err != nil {
			t.Error(err)
		}
	})
	if most > 50 {
		t.Errorf("%v allocations for an event with a list of 100,000 in a field of no name", most)
	}
}
