package times

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belfry/belfry"
)

// Parse reads a time in any of the forms that services write, zone being where
// those without one are (nil: UTC):
//
//   - text in ISO 8601: a date, then T or a blank, hours and minutes, with or
//     without seconds and their fraction, with or without a zone (Z, +09:00,
//     +0900, +09, also with [Asia/Seoul] or KST behind it); a date alone is its
//     midnight; also without punctuation, 20260804, 20260804T103000Z or
//     20260804103000; a leap second is the second after it;
//   - text with the month's name: of mail and HTTP (RFC 5322, RFC 9110), of C and
//     Java (Sat Jan 31 09:00:00 UTC 2026), of JavaScript; the name of a zone is
//     read if it is UTC's, one of RFC 5322, or the given zone's own;
//   - a number, or a text that is one: seconds since 1970 below 100 billion
//     (they reach the year 5138), milliseconds below 1,000 times that, and
//     likewise microseconds and nanoseconds; a fraction is one of the unit. What
//     lands before 1990 is no time: it is of another unit, or something else;
//   - /Date(ms)/, as .NET writes it;
//   - a list of year, month and day, then hour, minute, second and nanosecond as
//     far as they are not 0, as Jackson writes it; a seventh below 1,000 is
//     milliseconds; or of two: seconds since 1970 and nanoseconds;
//   - an object of seconds and nanos (Protobuf), epochSecond and nano (Java),
//     seconds and nanoseconds (Firestore, also with a _ before each), or $date
//     (MongoDB), with or without $numberLong;
//   - a [time.Time].
//
// None reports that the value stands for no time: an empty text, or what
// [belfry.NoTime] names, as text or as a number in any of the units. T is UTC, in
// the years 1 to 9999, and what the value reads as, also if it stands for none;
// the zero time for an empty text. Errors are a [*belfry.FieldError] without a
// field.
func Parse(v any, zone *time.Location) (t time.Time, none bool, err error) {
	if zone == nil {
		zone = time.UTC
	}
	if text, ok := v.(string); ok && strings.TrimSpace(text) == "" {
		return time.Time{}, true, nil
	}
	t, ok := parse(v, zone)
	if !ok {
		return time.Time{}, false, belfry.Invalid("", "must be a time such as 2026-01-31T09:00:00Z, seconds or milliseconds since 1970, or [2026,1,31,9,0], not %.60s", printed(v))
	}
	none = belfry.NoTime(t)
	switch t = t.UTC(); {
	case t.Year() < 1: // that of a zone in the year 1
		t = firstTime
	case t.Year() > 9999:
		t = lastTime
	}
	return t, none, nil
}

// firstTime and lastTime bound what is returned.
var (
	firstTime = time.Time{}
	lastTime  = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
)

// printed is what an error quotes of a value, which may be a whole document.
func printed(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%.60q", v)
	case json.Number:
		return fmt.Sprintf("%.60s", string(v))
	case []any:
		if len(v) > mostPrinted || slices.ContainsFunc(v, hasParts) {
			return fmt.Sprintf("a list of %d", len(v))
		}
	case map[string]any:
		for _, field := range v {
			if len(v) > mostPrinted || hasParts(field) {
				return fmt.Sprintf("an object of %d fields", len(v))
			}
		}
	}
	return fmt.Sprint(v)
}

// mostPrinted is how many parts of a list or an object are quoted.
const mostPrinted = 8

func hasParts(v any) bool {
	switch v := v.(type) {
	case []any, map[string]any:
		return true
	case string:
		return len(v) > maxText
	case json.Number:
		return len(v) > maxText
	}
	return false
}

// maxText is longer than any text that is a time.
const maxText = 200

func parse(v any, zone *time.Location) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case string:
		if text := strings.TrimSpace(v); len(text) <= maxText {
			return textTime(text, zone)
		}
	case json.Number:
		if len(v) <= maxText {
			return epochTime(string(v))
		}
	case int64:
		return wholeTime(v)
	case int:
		return wholeTime(int64(v))
	case float64:
		return epochTime(strconv.FormatFloat(v, 'g', -1, 64))
	case []any:
		return listTime(v, zone)
	case map[string]any:
		return objectTime(v, zone)
	}
	return time.Time{}, false
}

// From each of these numbers on, the next finer unit counts.
const (
	maxSeconds      = 100_000_000_000
	maxMilliseconds = maxSeconds * 1000
	maxMicroseconds = maxMilliseconds * 1000
)

// sentinel returns the time that a number stands for if that is none in one of the
// units: 0, or one of the years 1 and 9999 of any zone.
func sentinel(n float64) (time.Time, bool) {
	const zones = 14 * 60 * 60
	first, last := firstTime.Unix(), lastTime.Unix()
	for _, unit := range []float64{1, 1e3, 1e6, 1e9} {
		switch seconds := n / unit; {
		case n == 0:
			return time.Unix(0, 0), true
		case math.Abs(seconds-float64(first)) <= zones || seconds > float64(first) && seconds < float64(first+365*24*60*60):
			return time.Time{}, true
		case seconds > float64(last-365*24*60*60-zones) && seconds <= float64(last+zones):
			return time.Unix(min(int64(seconds), last), 0), true
		}
	}
	return time.Time{}, false
}

// believed refuses a number that is a time before 1990 in the unit that its size
// suggests: a small number, a date in digits, or a far one in a coarser unit.
func believed(t time.Time) (time.Time, bool) {
	year := t.UTC().Year()
	return t, year >= 1990 && year <= 9999
}

func wholeTime(n int64) (time.Time, bool) {
	if t, ok := sentinel(float64(n)); ok {
		return t, true
	}
	switch {
	case n < maxSeconds:
		return believed(time.Unix(n, 0))
	case n < maxMilliseconds:
		return believed(time.UnixMilli(n))
	case n < maxMicroseconds:
		return believed(time.UnixMicro(n))
	}
	return believed(time.Unix(0, n))
}

// epochTime reads a number that may have a fraction, exactly.
func epochTime(text string) (time.Time, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return wholeTime(n)
	}
	// Longer ones are no times, and an exponent can make them very long.
	f, err := strconv.ParseFloat(text, 64)
	digits, _, _ := strings.Cut(strings.ToLower(text), "e")
	if err != nil || len(text) > 40 || math.Abs(f) > 1e21 || math.Abs(f) < 1e-9 && strings.ContainsAny(digits, "123456789") {
		return time.Time{}, false
	}
	if t, ok := sentinel(f); ok {
		return t, true
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok || exact.Sign() < 0 {
		return time.Time{}, false
	}
	unit := int64(time.Second)
	for limit := int64(maxSeconds); unit > 1 && exact.Cmp(big.NewRat(limit, 1)) >= 0; limit *= 1000 {
		unit /= 1000
	}
	exact.Mul(exact, big.NewRat(unit, 1))
	ns := new(big.Int).Quo(exact.Num(), exact.Denom())
	seconds, rest := new(big.Int).QuoRem(ns, big.NewInt(int64(time.Second)), new(big.Int))
	if !seconds.IsInt64() {
		return time.Time{}, false
	}
	return believed(time.Unix(seconds.Int64(), rest.Int64()))
}

// listTime reads Jackson's list of a local date and time, or seconds and nanos.
func listTime(list []any, zone *time.Location) (time.Time, bool) {
	var n [7]int64
	if len(list) < 2 || len(list) > len(n) {
		return time.Time{}, false
	}
	for i, v := range list {
		part, ok := v.(int64)
		if !ok {
			return time.Time{}, false
		}
		n[i] = part
	}
	if len(list) == 2 {
		// A year and a month are a span, no time.
		if n[0] != 0 && n[0] > -10_000 && n[0] < 10_000 {
			return time.Time{}, false
		}
		return unixTime(n[0], n[1])
	}
	if n[6] < 1000 {
		n[6] *= int64(time.Millisecond)
	}
	return clock(n, zone)
}

// unixTime is a time whose units are said.
func unixTime(seconds, nanoseconds int64) (time.Time, bool) {
	if nanoseconds < 0 || nanoseconds >= int64(time.Second) || seconds < firstTime.Unix() || seconds > lastTime.Unix() {
		return time.Time{}, false
	}
	return time.Unix(seconds, nanoseconds), true
}

// clock makes a time of year, month, day, hour, minute, second and nanosecond.
func clock(n [7]int64, zone *time.Location) (time.Time, bool) {
	least, most := [7]int64{1, 1, 1}, [7]int64{9999, 12, 31, 23, 59, 59, int64(time.Second) - 1}
	for i := range n {
		if n[i] < least[i] || n[i] > most[i] {
			return time.Time{}, false
		}
	}
	t := time.Date(int(n[0]), time.Month(n[1]), int(n[2]), int(n[3]), int(n[4]), int(n[5]), int(n[6]), zone)
	// 31 June would be 1 July. An hour that a zone skips is moved, not refused.
	day := time.Date(int(n[0]), time.Month(n[1]), int(n[2]), 0, 0, 0, 0, time.UTC)
	return t, day.Day() == int(n[2])
}

func objectTime(m map[string]any, zone *time.Location) (time.Time, bool) {
	for _, names := range [][2]string{{"seconds", "nanos"}, {"seconds", "nanoseconds"}, {"_seconds", "_nanoseconds"}, {"epochSecond", "nano"}} {
		seconds, ok := wholeNumber(m[names[0]])
		fraction, hasFraction := m[names[1]]
		n, whole := wholeNumber(fraction)
		if ok && (whole && len(m) == 2 || !hasFraction && len(m) == 1) {
			return unixTime(seconds, n)
		}
	}
	if inner, ok := m["$date"]; ok && len(m) == 1 {
		if long, ok := inner.(map[string]any); ok {
			inner = nil
			if text, ok := long["$numberLong"].(string); ok && len(long) == 1 {
				inner, _ = wholeNumber(text)
			}
		}
		switch inner := inner.(type) {
		case int64:
			return milliTime(inner)
		case string:
			if len(inner) <= maxText {
				return textTime(inner, zone)
			}
		}
	}
	return time.Time{}, false
}

// wholeNumber is an integer; Protobuf's JSON and MongoDB's write it as a text.
func wholeNumber(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	}
	return 0, false
}

// milliTime is a time in milliseconds since 1970, whatever its size.
func milliTime(ms int64) (time.Time, bool) {
	t := time.UnixMilli(ms)
	year := t.UTC().Year()
	return t, year >= 1 && year <= 9999
}
