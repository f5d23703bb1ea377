package exactjson

import (
	"errors"
	"testing"

	"github.com/belfry/belfry"
)

// TestParseNamesTheField holds that an error names the place as clients write it.
func TestParseNamesTheField(t *testing.T) {
	for body, field := range map[string]string{
		`{"letters":[{"offset":1},{"offset":"x"}]}`: "letters[1].offset",
		`{"letters":7}`:                         "letters",
		`{"letters":[{"offset":1,"offset":2}]}`: "letters[0].offset",
		`{"letters":[],"letters":[]}`:           "letters",
		``:                                      "",
		`{"letters":[`:                          "",
	} {
		var v struct {
			Letters []struct {
				Offset int64 `json:"offset"`
			} `json:"letters"`
		}
		err := Parse([]byte(body), &v, "a list of letters")
		if fe, ok := errors.AsType[*belfry.FieldError](err); !ok || fe.Field != field {
			t.Errorf("%s: got %v, want field %q", body, err, field)
		}
	}
}
