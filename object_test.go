package belfry

import (
	"bytes"
	"encoding/json"
	"testing"
)

// An object has the fields that decoding into a map gives.
func FuzzParseObject(f *testing.F) {
	for _, s := range []string{
		`{}`, ` { } `, `{"a":1}`, `{"a":{"b":[1,"}]",{}]},"c":"\"}","a":null}`, `{"\u0061":true,"a\\":-1e9 , "x" : [ ] }`,
		"{\"\xff\":\"\xff\"}", `[]`, `null`, `"x"`, `{"a":}`, ``, `{"a":"\ud800"}`, "\n{\"a\":\t[[\"]\"]]\r\n}\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want map[string]json.RawMessage
		wantErr := json.Unmarshal(data, &want) != nil || want == nil
		got, err := parseObject(data)
		if (err != nil) != wantErr {
			t.Fatalf("%q: %v, want an error: %t", data, err, wantErr)
		}
		for name, raw := range want {
			value, ok := got.get(name)
			if isNull := string(raw) == "null"; ok == isNull || ok && !bytes.Equal(value, raw) {
				t.Errorf("%q: %q is %q, %t; want %q", data, name, value, ok, raw)
			}
		}
		for _, m := range got {
			if _, ok := want[m.name]; !ok {
				t.Errorf("%q: there is no %q", data, m.name)
			}
		}
	})
}
