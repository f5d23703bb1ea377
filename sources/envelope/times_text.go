package envelope

import (
	"cmp"
	"regexp"
	"strings"
	"time"
)

// isoTime is ISO 8601: date; hours and minutes; seconds; zone, by its name or by
// hours and minutes. A region in brackets, as Java writes it, adds nothing to the
// offset before it.
var isoTime = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d(?:[.,]\d+)?)?` +
	`(?: ?(?:(z|UTC|GMT|Z(?:\[[^\]]+\])?)|Z?([+-]\d\d)(?::?([0-5]\d))?(?:\[[^\]]+\])?))?)?$`)

// textTime reads ISO 8601 and numbers.
func textTime(text string, zone *time.Location) (time.Time, bool) {
	if strings.Trim(text, "0123456789") == "" {
		if t, ok := compactTime(text, zone); ok {
			return t, true
		}
		return epochTime(text)
	}
	m := isoTime.FindStringSubmatch(text)
	if m == nil {
		return epochText(text)
	}
	if m[4] != "" {
		zone = time.UTC
	}
	if m[5] != "" {
		offset, err := time.ParseDuration(m[5] + "h" + cmp.Or(m[6], "0") + "m")
		if err != nil || offset.Abs() >= 24*time.Hour {
			return time.Time{}, false
		}
		zone = time.FixedZone("", int(offset.Seconds()))
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05", m[1]+"T"+cmp.Or(m[2], "00:00")+cmp.Or(m[3], ":00"), zone)
	return t, err == nil
}

// epochText reads a number in a text; of those that Go knows beside JSON's
// (hexadecimal, inf) none.
func epochText(text string) (time.Time, bool) {
	if strings.Trim(text, "0123456789.-+eE") != "" {
		return time.Time{}, false
	}
	return epochTime(text)
}

// compactTime reads a date, or a date and time, in digits alone, of the years
// 1900 to 2099: as numbers they would be times that nobody writes, in 1970 or
// after 2600.
func compactTime(text string, zone *time.Location) (time.Time, bool) {
	if !strings.HasPrefix(text, "19") && !strings.HasPrefix(text, "20") || len(text) != len("20260804") && len(text) != len("20260804103000") {
		return time.Time{}, false
	}
	t, err := time.ParseInLocation("20060102150405"[:len(text)], text, zone)
	return t, err == nil
}
