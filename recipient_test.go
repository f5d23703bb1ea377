package belfry_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/belfry/belfry"
)

func TestCheckRecipient(t *testing.T) {
	for name, c := range map[string]struct {
		recipient string
		problem   string // "" = accepted
	}{
		"plain":                 {"user-7", ""},
		"korean":                {"사용자-7", ""},
		"one byte":              {"u", ""},
		"128 bytes":             {strings.Repeat("u", 128), ""},
		"128 bytes of korean":   {strings.Repeat("가", 42) + "ab", ""},
		"mail address":          {"ann+b@example.com", ""},
		"space":                 {"ann b", ""},
		"dots":                  {"...", ""},
		"one underscore":        {"_a", ""},
		"underscores inside":    {"a__b", ""},
		"empty":                 {"", "empty"},
		"129 bytes":             {strings.Repeat("u", 129), "128 bytes"},
		"129 bytes, 43 letters": {strings.Repeat("가", 43), "128 bytes"},
		"slash":                 {"a/b", `"/"`},
		"only a slash":          {"/", `"/"`},
		"newline":               {"a\nb", "control"},
		"nul":                   {"\x00", "control"},
		"delete":                {"a\x7f", "control"},
		"C1 control":            {"a\u0085", "control"},
		"internal":              {"__offset", `"__"`},
		"only underscores":      {"__", `"__"`},
		"dot":                   {".", `".."`},
		"dot dot":               {"..", `".."`},
		"invalid UTF-8":         {"a\xff", "UTF-8"},
		"surrogate half":        {"\xed\xa0\x80", "UTF-8"},
		"truncated korean":      {"사용자"[:8], "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			err := belfry.CheckRecipient(c.recipient)
			if c.problem == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			var fe *belfry.FieldError
			if !errors.As(err, &fe) || fe.Field != "recipient" || !strings.Contains(fe.Problem, c.problem) {
				t.Errorf("error = %v, want one of the field recipient with %s", err, c.problem)
			}
			if !errors.Is(err, belfry.ErrInvalid) || errors.Is(err, belfry.ErrTooLarge) {
				t.Errorf("%v is not %v alone", err, belfry.ErrInvalid)
			}
		})
	}
}

// A partition's own key is nobody's name, and only that of its number.
func TestPartitionKey(t *testing.T) {
	for _, p := range []int32{0, 7, 12, math.MaxInt32} {
		key := belfry.PartitionKey(p)
		if got, ok := belfry.ParsePartitionKey(key); !ok || got != p {
			t.Errorf("%q is parsed as %d, %v, want %d", key, got, ok, p)
		}
		var fe *belfry.FieldError
		if err := belfry.CheckRecipient(key); !errors.As(err, &fe) || fe.Field != "recipient" {
			t.Errorf("recipient %q: got %v, want an error that names the field", key, err)
		}
	}
	for _, key := range []string{"", "__", "_1", "__01", "__-1", "__+1", "__1 ", "__2147483648", "__1/5", "1"} {
		if p, ok := belfry.ParsePartitionKey(key); ok {
			t.Errorf("%q is parsed as %d", key, p)
		}
	}
}
