package times

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestUsualTimesAreReadAsByThePattern holds that a time which is read without the pattern
// would be the same by it.
func TestUsualTimesAreReadAsByThePattern(t *testing.T) {
	t.Parallel()
	zone, usual := time.FixedZone("", 9*60*60), 0
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringMatching(`[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{0,12})?Z?`),
			rapid.StringMatching(`[0-9:.TZ-]{17,24}`),
		).Draw(t, "text")
		got, ok := usualTime(text, zone)
		if !ok {
			return
		}
		usual++
		m := isoTime.FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("%q is not of the pattern", text)
		}
		if want, ok := isoText(m, zone); !ok || !got.Equal(want) {
			t.Fatalf("%q is %v, want %v, %t", text, got, want, ok)
		}
	})
	if usual == 0 {
		t.Error("none of them was usual")
	}
}
