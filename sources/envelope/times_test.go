package envelope_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources/envelope"
)

func TestParseTime(t *testing.T) {
	ints := func(n ...int64) []any {
		var out []any
		for _, n := range n {
			out = append(out, n)
		}
		return out
	}
	tests := []struct {
		value any
		want  string // in UTC; the zone is 9 hours ahead
	}{
		{"2026-08-04T10:30:00Z", "2026-08-04T10:30:00Z"},
		{"2026-08-04T10:30:00z", "2026-08-04T10:30:00Z"},
		{"2026-08-04T10:30:00.123456789+09:00", "2026-08-04T01:30:00.123456789Z"},
		{"2026-08-04T10:30:00,5-0330", "2026-08-04T14:00:00.5Z"},
		{"2026-08-04t10:30+09", "2026-08-04T01:30:00Z"},
		{"2026-08-04T10:30:00+09:00[Asia/Seoul]", "2026-08-04T01:30:00Z"},
		{"2026-08-04T01:30:00Z[UTC]", "2026-08-04T01:30:00Z"},
		{"2026-08-04 10:30:00 +0900", "2026-08-04T01:30:00Z"},
		{"2026-08-04 10:30:00 UTC", "2026-08-04T10:30:00Z"},
		{"2026-08-04T10:30:00Z+09:00", "2026-08-04T01:30:00Z"}, // the offset counts
		{" 2026-08-04T10:30:00 ", "2026-08-04T01:30:00Z"},
		{"2026-08-04T10:30:00.1234567891", "2026-08-04T01:30:00.123456789Z"},
		{"2026-08-04 10:30", "2026-08-04T01:30:00Z"},
		{"2026-08-04", "2026-08-03T15:00:00Z"},
		{"20260804", "2026-08-03T15:00:00Z"},
		{"20260804103000", "2026-08-04T01:30:00Z"},
		{"2024-02-29", "2024-02-28T15:00:00Z"},

		{int64(0), "1970-01-01T00:00:00Z"},
		{int64(-1), "1969-12-31T23:59:59Z"},
		{int64(1785810600), "2026-08-04T02:30:00Z"},
		{int64(1785810600123), "2026-08-04T02:30:00.123Z"},
		{int64(1785810600123456), "2026-08-04T02:30:00.123456Z"},
		{int64(1785810600123456789), "2026-08-04T02:30:00.123456789Z"},
		{int64(-1785810600123), "1913-05-30T21:29:59.877Z"},
		{int64(99_999_999_999), "5138-11-16T09:46:39Z"},
		{int64(100_000_000_000), "1973-03-03T09:46:40Z"},
		{"1785810600", "2026-08-04T02:30:00Z"},
		{"1785810600123", "2026-08-04T02:30:00.123Z"},
		{"-1.5", "1969-12-31T23:59:58.5Z"},
		{json.Number("1785810600.123456789"), "2026-08-04T02:30:00.123456789Z"},
		{json.Number("1785810600.123456789999"), "2026-08-04T02:30:00.123456789Z"},
		{json.Number("1.785810600123E12"), "2026-08-04T02:30:00.123Z"},
		{json.Number("1785810600123.5"), "2026-08-04T02:30:00.1235Z"},
		{json.Number("-0"), "1970-01-01T00:00:00Z"},
		{1785810600.5, "2026-08-04T02:30:00.5Z"},

		{ints(2026, 8, 4), "2026-08-03T15:00:00Z"},
		{ints(2026, 8, 4, 10, 30), "2026-08-04T01:30:00Z"},
		{ints(2026, 8, 4, 10, 30, 15), "2026-08-04T01:30:15Z"},
		{ints(2026, 8, 4, 10, 30, 15, 123456789), "2026-08-04T01:30:15.123456789Z"},
		{ints(2026, 8, 4, 10, 30, 15, 123), "2026-08-04T01:30:15.123Z"},
		{ints(1785810600, 123456789), "2026-08-04T02:30:00.123456789Z"},

		{object{"seconds": int64(1785810600), "nanos": int64(5)}, "2026-08-04T02:30:00.000000005Z"},
		{object{"seconds": int64(1785810600)}, "2026-08-04T02:30:00Z"},
		{object{"epochSecond": int64(1785810600), "nano": int64(0)}, "2026-08-04T02:30:00Z"},
		{object{"$date": int64(1785810600123)}, "2026-08-04T02:30:00.123Z"},
		{object{"$date": "2026-08-04T10:30:00Z"}, "2026-08-04T10:30:00Z"},
		{time.Date(2026, 8, 4, 10, 30, 0, 0, time.FixedZone("", 9*60*60)), "2026-08-04T01:30:00Z"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.value), func(t *testing.T) {
			got, err := envelope.ParseTime(tt.value, seoul(t))
			if err != nil {
				t.Fatal(err)
			}
			if got := got.Format(time.RFC3339Nano); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestParseTimeWithoutZone(t *testing.T) {
	got, err := envelope.ParseTime("2026-08-04", nil)
	if want := time.Date(2026, 8, 4, 0, 0, 0, 0, time.UTC); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestParseTimeRefuses(t *testing.T) {
	for _, v := range []any{
		nil, true, "", " ", "soon", "2026-8-4", "2026-13-01", "2026-02-30", "2026-06-31", "2025-02-29", "2026-08-04T", "2026-08-04T10", "2026-08-04T24:00", "2026-08-04T10:30:60Z",
		"2026-08-04T10:30:00.", "2026-08-04T10:30:00+", "2026-08-04T10:30:00+9", "2026-08-04T10:30:00+24:00", "2026-08-04T10:30:00[Asia/Seoul]", "2026-08-04T10:30:00Z[", "2026-08-04x",
		"0x10", "inf", "NaN", "1_000", "1e400", "1e30", "--1",
		json.Number("1e1000000000"), json.Number("1e-1000000000"), json.Number("99999999999999999999"), math.NaN(), math.Inf(1), int64(math.MinInt64), uint64(1),
		[]any{}, []any{int64(2026)}, []any{int64(2026), int64(8)}, []any{int64(2026), int64(8), int64(32)}, []any{int64(2026), int64(2), int64(30)}, []any{int64(2026), "8", int64(4)},
		[]any{int64(1785810600), int64(1_000_000_000)}, []any{int64(2026), int64(8), int64(4), int64(10), int64(30), int64(0), int64(0), int64(0)},
		object{}, object{"seconds": int64(1), "x": int64(1)}, object{"nanos": int64(1)}, object{"$date": object{"$date": int64(1)}}, time.Time{}.AddDate(-1, 0, 0),
	} {
		got, err := envelope.ParseTime(v, seoul(t))
		if !errors.Is(err, belfry.ErrInvalid) {
			t.Errorf("%#v: got %v, %v", v, got, err)
		} else if len(err.Error()) > 300 {
			t.Errorf("%#v: an error of %d bytes", v, len(err.Error()))
		}
	}
	if _, err := envelope.ParseTime(strings.Repeat("1", 1000), nil); err == nil || len(err.Error()) > 300 {
		t.Errorf("a long number: %v", err)
	}
}

// TestParseTimeReadsWhatIsWritten holds that all ways to write a time say the
// same.
func TestParseTimeReadsWhatIsWritten(t *testing.T) {
	zone := seoul(t)
	rapid.Check(t, func(t *rapid.T) {
		// From 1973-03-04, where milliseconds begin, to the end of 2200.
		at := time.Unix(rapid.Int64Range(100_100_000, 7_289_600_000).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).In(zone)
		for _, way := range []struct {
			name      string
			precision time.Duration
			value     any
		}{
			{"zoned text", 1, at.Format(time.RFC3339Nano)},
			{"UTC text", 1, at.UTC().Format(time.RFC3339Nano)},
			{"local text", 1, at.Format("2006-01-02 15:04:05.999999999")},
			{"digits", time.Second, at.Format("20060102150405")},
			{"seconds", time.Second, at.Unix()},
			{"milliseconds", time.Millisecond, at.UnixMilli()},
			{"microseconds", time.Microsecond, at.UnixMicro()},
			{"decimal", 1, json.Number(fmt.Sprintf("%d.%09d", at.Unix(), at.Nanosecond()))},
			{"list", time.Second, []any{int64(at.Year()), int64(at.Month()), int64(at.Day()), int64(at.Hour()), int64(at.Minute()), int64(at.Second())}},
			{"pair", 1, []any{at.Unix(), int64(at.Nanosecond())}},
		} {
			if strings.HasPrefix(way.name, "digits") && at.Year() >= 2100 {
				continue
			}
			got, err := envelope.ParseTime(way.value, zone)
			if want := at.Truncate(way.precision).UTC(); err != nil || !got.Equal(want) {
				t.Errorf("%s %v: got %v, %v, want %v", way.name, way.value, got, err, want)
			}
		}
	})
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"2026-08-04T10:30:00.1+09:00[Asia/Seoul]", "20260804", "1785810600.5", "-1e3", "2026-08-04 10:30 UTC"} {
		f.Add(s)
	}
	zone := seoul(f)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := envelope.ParseTime(text, zone)
		if err != nil {
			if !errors.Is(err, belfry.ErrInvalid) {
				t.Errorf("error %v is not the sender's", err)
			}
			return
		}
		if again, err := envelope.ParseTime(got.Format(time.RFC3339Nano), zone); err != nil || !again.Equal(got) {
			t.Errorf("%q is %v, which is read as %v, %v", text, got, again, err)
		}
	})
}
