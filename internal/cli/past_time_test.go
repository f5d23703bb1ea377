package cli_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/cli"
)

func TestPastTime(t *testing.T) {
	now := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          {},
		"72h":                       now.Add(-72 * time.Hour),
		"0s":                        now,
		"2026-01-30T18:00:00+09:00": now.Add(-24 * time.Hour),
	} {
		var p cli.PastTime
		if text != "" {
			if err := p.Set(text); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
		if got := p.At(now); !got.Equal(want) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"-1h", "tomorrow", "2026-01-30", fmt.Sprint(now.Unix())} {
		if err := new(cli.PastTime).Set(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
