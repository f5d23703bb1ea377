package exactjson

import (
	"errors"
	"testing"

	"github.com/belfry/belfry"
)

// TestParseNamesTheField holds that an error names the place as clients write it, and
// what is wrong there.
func TestParseNamesTheField(t *testing.T) {
	for body, want := range map[string]struct{ field, problem string }{
		`{"letters":[{"offset":1},{"offset":"x"}]}`: {"letters[1].offset", "cannot be string; the body must be a list of letters"},
		`{"letters":7}`:                         {"letters", "cannot be number; the body must be a list of letters"},
		`{"letters":[{"offset":1,"offset":2}]}`: {"letters[0].offset", "must stand once"},
		`{"letters":[],"letters":[]}`:           {"letters", "must stand once"},
		`7`:                                     {"", "must be a list of letters"},
		``:                                      {"", "the body is empty; it must be a list of letters"},
		`{"letters":[`:                          {"", "not JSON: unexpected EOF at byte 12"},
	} {
		fe, ok := errors.AsType[*belfry.FieldError](Parse([]byte(body), new(letters), "a list of letters"))
		if !ok || fe.Field != want.field || fe.Problem != want.problem {
			t.Errorf("%s: got %v, want %+v", body, fe, want)
		}
	}
}

type letters struct {
	Letters []struct {
		Offset int64 `json:"offset"`
	} `json:"letters"`
}

func TestParse(t *testing.T) {
	var got letters
	if err := Parse([]byte(`{"letters":[{"offset":7}],"Letters":8}`), &got, "a list of letters"); err != nil || len(got.Letters) != 1 || got.Letters[0].Offset != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
}
