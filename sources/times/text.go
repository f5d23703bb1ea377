package times

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// isoTime is ISO 8601: date; hours and minutes; seconds; zone, by its name or by
// hours and minutes. A region in brackets, as Java writes it, or the zone's name
// and a monotonic reading, as Go does, add nothing to the offset before them.
var isoTime = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d(?:[.,]\d+)?)?` +
	`(?: ?(?:(z|UTC|GMT|Z(?:\[[^\]]+\])?)|Z?([+-]\d\d)(?::?([0-5]\d))?(?:\[[^\]]+\]| (?:[A-Z]{2,5}|[+-]\d\d(?:\d\d)?)(?: m=[+-]\d+\.\d+)?)?))?)?$`)

// basicTime is the same without punctuation, with a time.
var basicTime = regexp.MustCompile(`^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(?:(\d\d)([.,]\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?$`)

// netTime is milliseconds since 1970; the offset behind them says where they were
// written and does not change them.
var netTime = regexp.MustCompile(`^/Date\((-?\d{1,18})(?:[+-]\d{4})?\)/$`)

// textTime reads all that is a text and not blank.
func textTime(text string, zone *time.Location) (time.Time, bool) {
	if t, ok := usualTime(text, zone); ok {
		return t, true
	}
	if strings.Trim(text, "0123456789") == "" {
		if t, ok := compactTime(text, zone); ok {
			return t, true
		}
		return epochTime(text)
	}
	if strings.HasPrefix(text, "0000-00-00") { // MySQL's, which is none
		return time.Time{}, true
	}
	if m := basicTime.FindStringSubmatch(text); m != nil {
		text = m[1] + "-" + m[2] + "-" + m[3] + "T" + m[4] + ":" + m[5] + ":" + cmp.Or(m[6], "00") + m[7] + m[8]
	}
	if m := isoTime.FindStringSubmatch(text); m != nil {
		return isoText(m, zone)
	}
	if m := netTime.FindStringSubmatch(text); m != nil {
		ms, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return time.Time{}, false
		}
		return milliTime(ms)
	}
	if t, ok := namedTime(text, zone); ok {
		return t, true
	}
	return epochText(text)
}

// usualTime reads 2026-01-31T09:00:00, with a fraction or without, in that zone or with a
// Z, as isoText does: a pattern takes several times as long. It leaves all else to that.
func usualTime(text string, zone *time.Location) (time.Time, bool) {
	const form = "2006-01-02T15:04:05"
	at, utc := strings.CutSuffix(text, "Z")
	if len(at) < len(form) || len(at) == len(form)+1 || strings.HasPrefix(at[len(form)-2:], "60") {
		return time.Time{}, false
	}
	for i := range len(at) {
		want := byte('0')
		if i == len(form) {
			want = '.'
		} else if i < len(form) && (form[i] < '0' || form[i] > '9') {
			want = form[i]
		}
		if want == '0' && (at[i] < '0' || at[i] > '9') || want != '0' && at[i] != want {
			return time.Time{}, false
		}
	}
	if utc {
		zone = time.UTC
	}
	t, err := time.ParseInLocation(form, at, zone)
	return t, err == nil
}

// isoText reads what isoTime has found.
func isoText(m []string, zone *time.Location) (time.Time, bool) {
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
	minutes, seconds := cmp.Or(m[2], "00:00"), cmp.Or(m[3], ":00")
	leap := strings.HasPrefix(seconds, ":60")
	if leap {
		seconds = ":59"
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05", m[1]+"T"+minutes+seconds, zone)
	if leap {
		// It comes at the end of a day in UTC alone.
		t = t.Add(time.Second)
		return t, err == nil && t.Equal(t.UTC().Truncate(24*time.Hour))
	}
	return t, err == nil
}

// namedLayouts are the forms with a month's name. Where a day or hour has one
// digit, Go reads it by the same layout.
var namedLayouts = func() (out []string) {
	for _, day := range []string{"Mon, 2 Jan 2006", "2 Jan 2006"} {
		for _, clock := range []string{"15:04:05", "15:04"} {
			for _, zone := range []string{" -0700", " MST", ""} {
				out = append(out, day+" "+clock+zone)
			}
		}
	}
	return append(out,
		"Monday, 2-Jan-06 15:04:05 MST", "Mon, 2-Jan-2006 15:04:05 MST",
		"Mon Jan _2 15:04:05 2006", "Mon Jan _2 15:04:05 -0700 2006", "Mon Jan _2 15:04:05 MST 2006",
		"Mon Jan 2 2006 15:04:05 GMT-0700",
	)
}()

// zoneHours are the zones that RFC 5322 section 4.3 defines by name, but for
// military ones, which it says to ignore.
var zoneHours = map[string]int{"UTC": 0, "UT": 0, "GMT": 0, "Z": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}

// namedTime reads a text with a month's name, without a comment at its end.
func namedTime(text string, zone *time.Location) (time.Time, bool) {
	if before, comment, ok := strings.Cut(text, " ("); ok && strings.HasSuffix(comment, ")") {
		text = before
	}
	if len(text) > 60 {
		return time.Time{}, false
	}
	for _, layout := range namedLayouts {
		t, err := time.ParseInLocation(layout, text, zone)
		if err != nil {
			continue
		}
		if !strings.Contains(layout, "MST") || t.Location() == zone {
			return t, true
		}
		// Go makes a zone of offset 0 of a name that it does not know.
		name, _ := t.Zone()
		hours, ok := zoneHours[name]
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.FixedZone(name, hours*60*60)), ok
	}
	return time.Time{}, false
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
