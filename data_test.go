package belfry_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/belfry/belfry"
)

func TestDataThatBreaksClientsIsRefused(t *testing.T) {
	nested := func(n int) string {
		return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}"
	}
	digits := strings.Repeat("7", 5000)
	for _, c := range []struct {
		name, data string
		ok         bool
	}{
		{"64 levels", nested(64), true},
		{"65 levels", nested(65), false},
		{"9,000 levels", nested(9000), false},
		{"levels beside each other", `{"a":[` + strings.TrimSuffix(strings.Repeat("[],", 1000), ",") + `]}`, true},
		{"brackets in a text", `{"a":"\"` + strings.Repeat("[{", 1000) + `"}`, true},
		{"a number of 5,000 digits", `{"a":` + digits + `}`, false},
		{"5,000 decimals", `{"a":[0.` + digits + `]}`, false},
		{"5,000 digits in a text", `{"a":"` + digits + `","` + digits + `":1}`, true},
		{"1e999999", `{"a":1e999999}`, false},
		{"-1E+400", `{"a":{"b":-1E+400}}`, false},
		{"1e-999999", `{"a":1e-999999}`, false},
		{"0e999999", `{"a":0e999999}`, true},
		{"64 bits", `{"a":[9223372036854775807,18446744073709551615,-9223372036854775808]}`, true},
		{"a decimal", `{"a":12345678901234567890.123456789}`, true},
		{"the largest double", `{"a":1.7976931348623157e308}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := belfry.Notification{Recipient: "a", Title: belfry.PlainText("T"), Data: json.RawMessage(c.data)}
			if err := n.Check(); (err == nil) != c.ok || err != nil && fieldOf(t, err) != "data" {
				t.Errorf("got %v", err)
			}
			// A record's sender hears of no error, and its data is no field to do without.
			message := `{"recipient":"a","title":"T","data":` + c.data + `}`
			if m, err := belfry.ParseRecord([]byte(message), belfry.Notification{}); (err == nil) != c.ok || len(m.Omitted) > 0 {
				t.Errorf("of a record: got %v, and %v was left out", err, m.Omitted)
			}
		})
	}
}

func TestTextsInManyLanguages(t *testing.T) {
	text := func(n int) belfry.Text {
		out := belfry.Text{}
		for i := range n {
			out[fmt.Sprintf("en-%05d", i)] = "x"
		}
		return out
	}
	n := belfry.Notification{Recipient: "a", Title: text(belfry.MaxLanguages), Body: text(belfry.MaxLanguages)}
	if err := n.Check(); err != nil {
		t.Errorf("got %v for the most there may be", err)
	}
	n.Body = text(belfry.MaxLanguages + 1)
	if field := fieldOf(t, n.Check()); field != "body" {
		t.Errorf("got field %q, want body", field)
	}
	n.Title = text(9000)
	if field := fieldOf(t, n.Check()); field != "title" {
		t.Errorf("got field %q, want title", field)
	}
}
