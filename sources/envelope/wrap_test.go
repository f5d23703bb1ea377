package envelope_test

import (
	"encoding/base64"
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

// someJSON draws a value of few levels, in the form of an event's.
func someJSON(levels int) *rapid.Generator[any] {
	leaves := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(), rapid.Int64().AsAny(), rapid.Uint64Min(1 << 63).AsAny(),
		rapid.Map(rapid.StringMatching(`-?[1-9][0-9]{0,30}\.[0-9]{1,20}([eE][+-]?[0-9]{1,3})?`), func(s string) any { return json.Number(s) }),
	}
	if levels > 0 {
		inner := someJSON(levels - 1)
		leaves = append(leaves, rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.MapOfN(rapid.String(), inner, 0, 4).AsAny())
	}
	return rapid.OneOf(leaves...)
}

// TestDecoderUnwraps holds that an object is read the same in every envelope.
func TestDecoderUnwraps(t *testing.T) {
	d := envelope.NewDecoder(envelope.Config{})
	text := func(t *rapid.T, v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOfN(rapid.StringMatching(`[a-z가-힣]{1,5}_`), someJSON(3), 0, 12).Draw(t, "value")
		plain := text(t, want)
		escaped := text(t, plain)
		ce := `{` + attributes + `,"data`
		for _, way := range []struct {
			name, value string
			headers     []sources.Header
		}{
			{"plain", plain, nil},
			{"in a text", escaped, headers("__TypeId__", "java.lang.String")},
			{"in a frame", "\x00\x00\x00\x00\x01" + plain, nil},
			{"text in a frame", "\x00\x00\x00\x00\x01" + escaped, nil},
			{"with its schema", `{"schema":{"type":"struct"},"payload":` + plain + `}`, nil},
			{"text with its schema", `{"schema":{"type":"string"},"payload":` + escaped + `}`, nil},
			{"outbox", escaped, headers("id", "1")},
			{"null schema", `{"schema":null,"payload":` + plain + `}`, nil},
			{"outbox, escaped twice", text(t, escaped), headers("id", "1")},
			{"structured", ce + `":` + plain + `}`, nil},
			{"structured text", ce + `":` + escaped + `}`, nil},
			{"structured base64", ce + `_base64":"` + base64.StdEncoding.EncodeToString([]byte(plain)) + `"}`, nil},
			{"binary", plain, binary()},
			{"a list of one", "[" + plain + "]", nil},
			{"a list of one text", "[" + escaped + "]", nil},
			{"a batch of one", "[" + ce + `":` + plain + `}]`, headers("content-type", "application/cloudevents-batch+json")},
		} {
			got, err := d.Decode(t.Context(), sources.Record{Value: []byte(way.value), Headers: way.headers})
			if err != nil || len(got) != 1 {
				t.Fatalf("%s: %q: got %v, %v", way.name, way.value, got, err)
			}
			if !reflect.DeepEqual(got[0].Value, any(want)) {
				t.Errorf("%s: %q:\ngot  %#v\nwant %#v", way.name, way.value, got[0].Value, want)
			}
		}
	})
}
