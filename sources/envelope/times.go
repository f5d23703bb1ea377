package envelope

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/belfry/belfry"
)

// ParseTime reads a time in any of the forms that services write, zone being
// where those without one are (nil: UTC):
//
//   - text in ISO 8601: a date, then T or a blank, hours and minutes, with or
//     without seconds and their fraction, with or without a zone (Z, +09:00,
//     +0900, +09, also with [Asia/Seoul] behind it); a date alone is its
//     midnight; also without punctuation, 20260804 or 20260804103000;
//   - a number, or a text that is one: seconds since 1970 below 100 billion
//     (they reach the year 5138), milliseconds below 1,000 times that (they
//     start in 1973), and likewise microseconds and nanoseconds; a fraction is
//     one of the unit;
//   - a list of year, month and day, then hour, minute, second and nanosecond as
//     far as they are not 0, as Jackson writes it; a seventh below 1,000 is
//     milliseconds; or of two: seconds since 1970 and nanoseconds;
//   - an object of seconds and nanos (Protobuf), epochSecond and nano (Java), or
//     $date (MongoDB);
//   - a [time.Time].
//
// It returns UTC, in the years 1 to 9999. Errors are a [*belfry.FieldError]
// without a field.
func ParseTime(v any, zone *time.Location) (time.Time, error) {
	if zone == nil {
		zone = time.UTC
	}
	t, ok := parseTime(v, zone)
	if t = t.UTC(); !ok || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, belfry.Invalid("", "must be a time such as 2026-01-31T09:00:00Z, seconds or milliseconds since 1970, or [2026,1,31,9,0], not %.60s", printed(v))
	}
	return t, nil
}

func printed(v any) string {
	if text, ok := v.(string); ok {
		return fmt.Sprintf("%.60q", text)
	}
	return fmt.Sprint(v)
}

func parseTime(v any, zone *time.Location) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case string:
		return textTime(strings.TrimSpace(v), zone)
	case json.Number:
		return epochTime(string(v))
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

func wholeTime(n int64) (time.Time, bool) {
	switch abs := max(n, -n); {
	case abs < 0: // the lowest
		return time.Time{}, false
	case abs < maxSeconds:
		return time.Unix(n, 0), true
	case abs < maxMilliseconds:
		return time.UnixMilli(n), true
	case abs < maxMicroseconds:
		return time.UnixMicro(n), true
	}
	return time.Unix(0, n), true
}

// epochTime reads a number that may have a fraction, exactly.
func epochTime(text string) (time.Time, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return wholeTime(n)
	}
	// Longer ones are no times, and an exponent can make them very long.
	if f, err := strconv.ParseFloat(text, 64); err != nil || len(text) > 40 || f > 1e19 || f < -1e19 || f != 0 && f < 1e-9 && f > -1e-9 {
		return time.Time{}, false
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return time.Time{}, false
	}
	unit := int64(time.Second)
	for limit := int64(maxSeconds); unit > 1 && new(big.Rat).Abs(exact).Cmp(big.NewRat(limit, 1)) >= 0; limit *= 1000 {
		unit /= 1000
	}
	exact.Mul(exact, big.NewRat(unit, 1))
	ns := new(big.Int).Quo(exact.Num(), exact.Denom())
	seconds, rest := new(big.Int).QuoRem(ns, big.NewInt(int64(time.Second)), new(big.Int))
	if !seconds.IsInt64() {
		return time.Time{}, false
	}
	return time.Unix(seconds.Int64(), rest.Int64()), true
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
		if n[0] > -10_000 && n[0] < 10_000 || n[1] < 0 || n[1] >= int64(time.Second) {
			return time.Time{}, false
		}
		return time.Unix(n[0], n[1]), true
	}
	if n[6] < 1000 {
		n[6] *= int64(time.Millisecond)
	}
	return clock(n, zone)
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
	for _, names := range [][2]string{{"seconds", "nanos"}, {"epochSecond", "nano"}} {
		seconds, ok := m[names[0]].(int64)
		nanos, hasNanos := m[names[1]]
		n, whole := nanos.(int64)
		if ok && (whole && len(m) == 2 || !hasNanos && len(m) == 1) && n >= 0 && n < int64(time.Second) {
			return time.Unix(seconds, n), true
		}
	}
	if inner, ok := m["$date"]; ok && len(m) == 1 {
		if _, again := inner.(map[string]any); !again {
			return parseTime(inner, zone)
		}
	}
	return time.Time{}, false
}
