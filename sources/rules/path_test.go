package rules_test

import "testing"

// Fields that are followed without CEL give what CEL gives, errors included: an
// index takes the long way.
func TestPathsAgreeWithCEL(t *testing.T) {
	for _, value := range []string{
		`{"to":"a","x":{"y":"z"}}`, `{"to":"a","x":{"y":1.50}}`, `{"to":"a","x":{"y":1e999}}`, `{"to":"a","x":{"y":null}}`, `{"to":"a","x":null}`,
		`{"to":"a","x":[1]}`, `{"to":"a","x":"y"}`, `{"to":"a"}`, `{"to":"a","x":{"y":{"z":1}}}`, `{"to":"a","x":{"y":true}}`,
	} {
		for _, pair := range [][2]string{
			{`body: "${event.x.y}"`, `body: "${event['x']['y']}"`},
			{`data: {v: "${event.x.y}"}`, `data: {v: "${event['x']['y']}"}`},
			{`when: event.x.y == "z"`, `when: event['x']['y'] == "z"`},
			{`when: event.x.y == "z" && event.no == 1`, `when: event['x']['y'] == "z" && event.no == 1`},
			{`when: event.x.y`, `when: event['x']['y']`},
			{`exclude: event.x.y`, `exclude: event['x']['y']`},
		} {
			var got [2]string
			for i, fields := range pair {
				ds, err := route(t, fields, value)
				for j := range ds {
					ds[j].Record.Origin.Rule = 0 // of the text
				}
				got[i] = toText(ds) + " " + toText(err)
			}
			if got[0] != got[1] {
				t.Errorf("%s of %s: got %s, want %s", pair[0], value, got[0], got[1])
			}
		}
	}
}
