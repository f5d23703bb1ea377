package deadletters

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestReadableValue(t *testing.T) {
	for name, tt := range map[string]struct{ value, want string }{
		"JSON":         {`{"a":[1]}`, "{\n  \"a\": [\n    1\n  ]\n}"},
		"text":         {"안녕\nthere", "안녕\nthere"},
		"bytes":        {"\x00\xffok", "00 ff 6f 6b"},
		"escapes":      {"a\x1b[31mb\u009bc\u202ed", "a [31mb c d"},
		"JSON escapes": {`"` + "\u009b" + `"`, `" "`},
	} {
		if got := readableValue([]byte(tt.value)); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

func TestPastTime(t *testing.T) {
	now := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          {},
		"72h":                       now.Add(-72 * time.Hour),
		"0s":                        now,
		"2026-01-30T18:00:00+09:00": now.Add(-24 * time.Hour),
	} {
		var p pastTime
		if text != "" {
			if err := p.Set(text); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
		if got := p.at(now); !got.Equal(want) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"-1h", "tomorrow", "2026-01-30", fmt.Sprint(now.Unix())} {
		if err := new(pastTime).Set(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
