package belfry

import (
	"net/url"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestPlainPathsAreURLsOfThisOrigin holds that what is let through without a look at its
// parts would be after one.
func TestPlainPathsAreURLsOfThisOrigin(t *testing.T) {
	t.Parallel()
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		s := "/" + rapid.StringOf(rapid.SampledFrom([]rune(`az09/-_.=?&#:@%\ é`))).Draw(t, "path")
		if !isPlainPath(s) {
			return
		}
		plain++
		if u, err := url.Parse(s); err != nil || u.Host != "" || u.Scheme != "" || u.User != nil {
			t.Fatalf("%q is %+v, %v", s, u, err)
		}
	})
	if plain == 0 {
		t.Error("none of them was plain")
	}
}

func TestTimesThatStandForNone(t *testing.T) {
	t.Parallel()
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("east", 14*60*60), time.FixedZone("west", -12*60*60)} {
		for year := -2; year <= 10001; year++ {
			at := time.Date(year, 1, 1, 0, 0, 0, 0, zone)
			want := year <= 1 || year >= 9999 || at.UTC().Year() >= 9999 || at.UTC().Year() <= 1 || year == 1970
			if NoTime(at) != want {
				t.Fatalf("%v stands for none: %t, want %t", at, !want, want)
			}
		}
	}
}
