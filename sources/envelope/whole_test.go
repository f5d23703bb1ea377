package envelope

import (
	"errors"
	"strings"
	"testing"

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
		_, err := parse(new(Room), tt.body+"!", true)
		fe, ok := errors.AsType[*belfry.FieldError](err)
		if !ok || fe.Field != tt.field || fe.TooLarge != tt.tooLarge || strings.Contains(fe.Problem, "not JSON") {
			t.Errorf("%s: got %v, want a refusal of %q", name, err, tt.field)
		}
		// Of a record the rest goes on: each element is judged for itself.
		if _, err := parse(new(Room), tt.body+"!", false); err == nil || !strings.Contains(err.Error(), "JSON") {
			t.Errorf("%s, in a record: got %v", name, err)
		}
	}
	for name, body := range map[string]string{
		"as many events as may be":     "[" + strings.Repeat("1,", MaxEvents-1) + "1]",
		"as many recipients as may be": `{"recipients":[` + strings.Repeat(`"a",`, belfry.MaxRecipients-1) + `"a"]}`,
		"recipients within data":       `{"data":{"recipients":[` + strings.Repeat(`1,`, belfry.MaxRecipients) + `1]}}`,
		"many in a field of no name":   `{"more":[` + strings.Repeat(`1,`, belfry.MaxItemBytes) + `1],"recipients":["a"]}`,
	} {
		if _, err := parse(new(Room), body, true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIsUUID(t *testing.T) {
	for text, want := range map[string]bool{
		"06f8a7b5-0f2c-4c1d-9ddc-6a4f2dbd1d8a": true, "06F8A7B5-0F2C-4C1D-9DDC-6A4F2DBD1D8A": true,
		"06f8a7b5-0f2c-4c1d-9ddc-6a4f2dbd1d8": false, "06f8a7b5-0f2c-4c1d-9ddc-6a4f2dbd1d8g": false,
		"06f8a7b5x0f2c-4c1d-9ddc-6a4f2dbd1d8a": false, "06f8a7b5-0f2c-4c1d-9ddc-6a4f2dbd-d8a": false,
		"customer order number four thousand 7": false, "order-000000000000000000000000000007": false,
	} {
		if got := isUUID(text); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}
