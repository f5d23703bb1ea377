package inbox_test

import (
	"errors"
	"math"
	"testing"

	"github.com/belfry/belfry/inbox"
)

func TestCursor(t *testing.T) {
	for s, want := range map[string]inbox.Cursor{
		"0.0": {}, "7.42": {Epoch: 7, Version: 42}, "0.5": {Version: 5},
		"4294967295.18446744073709551615": {Epoch: math.MaxUint32, Version: math.MaxUint64},
	} {
		got, err := inbox.ParseCursor(s)
		if err != nil || got != want {
			t.Errorf("ParseCursor(%q) = %v, %v; want %v", s, got, err, want)
		}
		if want.String() != s {
			t.Errorf("%#v is written %q, want %q", want, want.String(), s)
		}
		if want.IsZero() != (s == "0.0") {
			t.Errorf("%q is zero: %t", s, want.IsZero())
		}
	}
}

func TestParseCursorRefuses(t *testing.T) {
	for _, s := range []string{
		"", ".", "1", "1.", ".1", "1.2.3", "+1.2", "1.+2", "-1.2", "1.-2", "01.2", "1.02", "00.0", " 1.2", "1.2 ",
		"1,2", "1.2\n", "0x1.2", "1_0.2", "1.1e3", "4294967296.1", "1.18446744073709551616", "١.٢", `"1.2"`,
	} {
		if got, err := inbox.ParseCursor(s); !errors.Is(err, inbox.ErrCursor) || got != (inbox.Cursor{}) {
			t.Errorf("ParseCursor(%q) = %v, %v; want %v", s, got, err, inbox.ErrCursor)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, s := range []string{"0.0", "7.42", "4294967295.18446744073709551615", "01.2", "1.2.3", "-1.2", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := inbox.ParseCursor(s)
		if err != nil {
			if !errors.Is(err, inbox.ErrCursor) {
				t.Errorf("ParseCursor(%q): %v, want %v", s, err, inbox.ErrCursor)
			}
			return
		}
		if c.String() != s {
			t.Errorf("ParseCursor(%q) is written %q: two texts for one cursor", s, c.String())
		}
	})
}
