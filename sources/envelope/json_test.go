package envelope_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources/envelope"
)

func TestParseJSON(t *testing.T) {
	tests := []struct {
		text string
		want any
	}{
		{`null`, nil},
		{` true `, true},
		{"\t\r\nfalse\n", false},
		{`""`, ""},
		{`"한국어 \"q\" \\ \/ \b\f\n\r\t \u00e9 \uD83D\uDE00"`, "한국어 \"q\" \\ / \b\f\n\r\t é 😀"},
		{`"\ud83dA\ud83d\u0041\ud83d"`, "\xed\xa0\xbdA\xed\xa0\xbdA\xed\xa0\xbd"},
		{`"\ud800\ud800\udc00\udfff"`, "\xed\xa0\x80\U00010000\xed\xbf\xbf"},
		{`0`, int64(0)},
		{`-0`, json.Number("-0")},
		{`1000000`, int64(1000000)},
		{`9223372036854775807`, int64(math.MaxInt64)},
		{`-9223372036854775808`, int64(math.MinInt64)},
		{`-9223372036854775809`, json.Number("-9223372036854775809")},
		{`9223372036854775808`, uint64(math.MaxInt64 + 1)},
		{`18446744073709551615`, uint64(math.MaxUint64)},
		{`18446744073709551616`, json.Number("18446744073709551616")},
		{`99999999999999999999`, json.Number("99999999999999999999")},
		{`12.50`, json.Number("12.50")},
		{`1E+6`, json.Number("1E+6")},
		{`-1.5e-3`, json.Number("-1.5e-3")},
		{`[]`, []any{}},
		{`{}`, map[string]any{}},
		{`{"a":{"b":[1,{"c":null}],"":2},"d":"e"}`, map[string]any{"a": map[string]any{"b": []any{int64(1), map[string]any{"c": nil}}, "": int64(2)}, "d": "e"}},
		{`{"a":1,"b":2,"a":{"c":3}}`, map[string]any{"a": map[string]any{"c": int64(3)}, "b": int64(2)}},
		{"\ufeff[1]", []any{int64(1)}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := envelope.ParseJSON([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %#v, want %#v", got, tt.want)
			}
		})
	}
}

func TestParseJSONRefuses(t *testing.T) {
	tests := []struct {
		name, text, want string
		tooLarge         bool
	}{
		{name: "nothing", text: " ", want: "it ends where a value should be"},
		{name: "NaN", text: `{"a":NaN}`, want: `'N' at byte 5, where a value`},
		{name: "plus", text: `+1`, want: `'+' at byte 0`},
		{name: "leading zero", text: `01`, want: "at byte 0"},
		{name: "point without digits", text: `1.`, want: "a digit"},
		{name: "exponent without digits", text: `1e+`, want: "a digit"},
		{name: "minus alone", text: `-`, want: "it ends"},
		{name: "text after it", text: `{}{}`, want: "where the end should be"},
		{name: "comma at the end", text: `[1,]`, want: "where a value should be"},
		{name: "comma at the end of an object", text: `{"a":1,}`, want: "a name in quotes"},
		{name: "single quotes", text: `{'a':1}`, want: "a name in quotes"},
		{name: "no colon", text: `{"a" 1}`, want: "a colon"},
		{name: "half a word", text: `tru`, want: "a value"},
		{name: "open text", text: `"abc`, want: "the end of a text"},
		{name: "open text with an escape", text: `"a\n`, want: "the end of a text"},
		{name: "escape at the end", text: `"\`, want: "an escape"},
		{name: "unknown escape", text: `"\x"`, want: "an escape"},
		{name: "short unit", text: `"\u12"`, want: "an escape"},
		{name: "line break in a text", text: "\"a\nb\"", want: "a character of a text"},
		{name: "no UTF-8", text: "\"\xff\"", want: "UTF-8"},
		{name: "surrogate in UTF-8", text: "\"\xed\xa0\x80\"", want: "UTF-8"},
		{name: "levels", text: strings.Repeat("[", 201) + strings.Repeat("]", 201), want: "at most 200 levels"},
		{name: "values", text: "[" + strings.Repeat("0,", 1_100_000) + "0]", want: "fewer values", tooLarge: true},
		{name: "bytes", text: strings.Repeat(" ", envelope.MaxValueBytes) + "0", want: "at most 8388608 bytes", tooLarge: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := envelope.ParseJSON([]byte(tt.text))
			if !errors.Is(err, belfry.ErrInvalid) || errors.Is(err, belfry.ErrTooLarge) != tt.tooLarge {
				t.Fatalf("got %v, %v", got, err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %q, want %q in it", err, tt.want)
			}
		})
	}
	if _, err := envelope.ParseJSON([]byte(strings.Repeat("[", 200) + strings.Repeat("]", 200))); err != nil {
		t.Errorf("200 levels: %v", err)
	}
}

// FuzzParseJSON holds that we read what encoding/json reads, and as it does,
// but for text that is no UTF-8, halves of surrogate pairs and our limits.
func FuzzParseJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00\ud800",true,false,null],"a":{}}`, `-0`, `18446744073709551616`, "\ufeff1", `[1,2`, `"\ud800\ud800\udc00"`,
		`00`, `1.0e+`, "\"\x7f\"", "{\"\":\"\\\"\"} ", orderJSON, "\"\xff\"", strings.Repeat("[", 201) + strings.Repeat("]", 201),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := envelope.ParseJSON(data)
		if err != nil && !errors.Is(err, belfry.ErrInvalid) {
			t.Fatalf("error %v is not the sender's", err)
		}
		data = bytes.TrimPrefix(data, []byte("\ufeff"))
		want, wantErr := parseStandard(data)
		if !utf8.Valid(data) || wantErr == nil && deep(want) > 200 {
			if err == nil {
				t.Fatalf("took %q", data)
			}
			return
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: got error %v, encoding/json's is %v", data, err, wantErr)
		}
		if got, merged := lossy(got); !merged && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: got %#v, encoding/json has %#v", data, got, want)
		}
	})
}

// lossy puts U+FFFD for each half of a surrogate pair, as encoding/json does, and
// reports whether two names of an object have become one.
func lossy(v any) (_ any, merged bool) {
	text := func(s string) string {
		var b strings.Builder
		for len(s) > 0 {
			r, n := utf8.DecodeRuneInString(s)
			if r == utf8.RuneError && n == 1 {
				n = 3
			}
			b.WriteRune(r)
			s = s[n:]
		}
		return b.String()
	}
	switch v := v.(type) {
	case string:
		return text(v), false
	case []any:
		for i := range v {
			inner, m := lossy(v[i])
			v[i], merged = inner, merged || m
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for name := range v {
			inner, m := lossy(v[name])
			out[text(name)], merged = inner, merged || m
		}
		return out, merged || len(out) < len(v)
	}
	return v, merged
}

func parseStandard(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("more after the value: %w", err)
	}
	return integers(v), nil
}

// integers puts integers for the numbers that are ones of 64 bits.
func integers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = integers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil && v != "-0" {
			return n
		}
		if n, err := strconv.ParseUint(string(v), 10, 64); err == nil {
			return n
		}
	}
	return v
}

func deep(v any) int {
	most := 0
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			most = max(most, deep(e))
		}
	case []any:
		for _, e := range v {
			most = max(most, deep(e))
		}
	default:
		return 0
	}
	return most + 1
}

const orderJSON = `{"eventId":"7f6c0c1e-5f0f-4d52-9f0c-2a8f5a3f7f10","type":"ORDER_CREATED","version":1,"createdAt":"2026-08-04T10:30:00.123+09:00","producer":"order-service",` +
	`"actor":{"id":90210,"name":"김하늘","avatar":"/avatars/90210.png"},` +
	`"payload":{"id":"a1b2c3d4","no":"2026-000481","customerId":4711,"total":128000,"currency":"KRW","express":false,"note":null,` +
	`"lines":[{"sku":"BK-1001","name":"Go in practice","count":2,"price":32000.50},{"sku":"BK-2040","name":"Kafka: the guide","count":1,"price":64000}],` +
	`"address":{"city":"서울","street":"세종대로 110","zip":"04524"}},"trace":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}`

// TestTextsAtEveryOffset holds that a text is read as the standard library reads it whatever
// stands where in it: eight bytes are looked at at a time.
func TestTextsAtEveryOffset(t *testing.T) {
	const letters = "abcdefghijklmnopqrstu"
	for at := range letters {
		for c := range 256 {
			for _, special := range []string{string([]byte{byte(c)}), `\n` + string([]byte{byte(c)}), "é" + string([]byte{byte(c)})} {
				text := []byte(`["` + letters[:at] + special + letters[at:] + `"]`)
				if !utf8.Valid(text) {
					continue
				}
				var want any
				wantErr := json.Unmarshal(text, &want)
				got, err := envelope.ParseJSON(text)
				if (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want) {
					t.Fatalf("%q: got %v, %v, want %v, %v", text, got, err, want, wantErr)
				}
			}
		}
	}
}

func BenchmarkParseJSON(b *testing.B) {
	b.SetBytes(int64(len(orderJSON)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := envelope.ParseJSON([]byte(orderJSON)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseJSONStandard(b *testing.B) {
	b.SetBytes(int64(len(orderJSON)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseStandard([]byte(orderJSON)); err != nil {
			b.Fatal(err)
		}
	}
}
