package times_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources/times"
)

type object = map[string]any

func seoul(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Seoul")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestParse(t *testing.T) {
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

		{int64(1785810600), "2026-08-04T02:30:00Z"},
		{int64(1785810600123), "2026-08-04T02:30:00.123Z"},
		{int64(1785810600123456), "2026-08-04T02:30:00.123456Z"},
		{int64(1785810600123456789), "2026-08-04T02:30:00.123456789Z"},
		{int64(99_999_999_999), "5138-11-16T09:46:39Z"},
		{int64(631_152_000), "1990-01-01T00:00:00Z"},
		{int64(631_152_000_000), "1990-01-01T00:00:00Z"},
		{"1785810600", "2026-08-04T02:30:00Z"},
		{"1785810600123", "2026-08-04T02:30:00.123Z"},
		{json.Number("1785810600.123456789"), "2026-08-04T02:30:00.123456789Z"},
		{json.Number("1785810600.123456789999"), "2026-08-04T02:30:00.123456789Z"},
		{json.Number("1.785810600123E12"), "2026-08-04T02:30:00.123Z"},
		{json.Number("1785810600123.5"), "2026-08-04T02:30:00.1235Z"},
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
		{object{"seconds": "1785810600", "nanos": int64(5)}, "2026-08-04T02:30:00.000000005Z"},
		{object{"_seconds": int64(1785810600), "_nanoseconds": int64(0)}, "2026-08-04T02:30:00Z"},
		{object{"seconds": int64(1785810600), "nanoseconds": int64(0)}, "2026-08-04T02:30:00Z"},
		{object{"seconds": int64(1)}, "1970-01-01T00:00:01Z"}, // the unit is said
		{object{"$date": object{"$numberLong": "1785810600123"}}, "2026-08-04T02:30:00.123Z"},
		{object{"$date": int64(-1785810600123)}, "1913-05-30T21:29:59.877Z"},

		{"Tue, 04 Aug 2026 10:30:00 GMT", "2026-08-04T10:30:00Z"},
		{"Tue, 4 Aug 2026 10:30:00 +0900", "2026-08-04T01:30:00Z"},
		{"Tue, 04 Aug 2026 10:30:00 +0900 (KST)", "2026-08-04T01:30:00Z"},
		{"4 Aug 2026 10:30 EST", "2026-08-04T15:30:00Z"},
		{"Tuesday, 04-Aug-26 10:30:00 GMT", "2026-08-04T10:30:00Z"},
		{"Tue Aug 04 10:30:00 UTC 2026", "2026-08-04T10:30:00Z"},
		{"Tue Aug 04 10:30:00 KST 2026", "2026-08-04T01:30:00Z"},
		{"Tue Aug  4 10:30:00 2026", "2026-08-04T01:30:00Z"},
		{"Tue Aug 04 10:30:00 +0000 2026", "2026-08-04T10:30:00Z"},
		{"Tue Aug 04 2026 10:30:00 GMT+0900 (Korean Standard Time)", "2026-08-04T01:30:00Z"},
		{"/Date(1785810600123)/", "2026-08-04T02:30:00.123Z"},
		{"/Date(1785810600123+0900)/", "2026-08-04T02:30:00.123Z"},
		{"20260804T103000Z", "2026-08-04T10:30:00Z"},
		{"20260804T103000.5+0900", "2026-08-04T01:30:00.5Z"},
		{"20260804T1030", "2026-08-04T01:30:00Z"},
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
		{"2017-01-01T08:59:60.5+09:00", "2017-01-01T00:00:00Z"},
		{"2026-08-04 10:30:00 +0000 UTC", "2026-08-04T10:30:00Z"},
		{"2026-08-04 10:30:00.123 +0900 KST m=+0.000012345", "2026-08-04T01:30:00.123Z"},
		{time.Date(2026, 8, 4, 10, 30, 0, 0, time.FixedZone("", 9*60*60)), "2026-08-04T01:30:00Z"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.value), func(t *testing.T) {
			got, _, err := times.Parse(tt.value, seoul(t))
			if err != nil {
				t.Fatal(err)
			}
			if got := got.Format(time.RFC3339Nano); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestParseKnowsWhatIsNone holds that the values which programs write where there
// is no time stand for none, in every unit and zone, and what they read as.
func TestParseKnowsWhatIsNone(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	zero, epoch, last := "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"
	for _, tt := range []struct {
		value any
		want  string
	}{
		{"", zero}, {" ", zero}, {"0000-00-00 00:00:00", zero},
		{"0001-01-01T00:00:00Z", zero}, {"0001-01-01T00:00:00", zero}, {"0001-01-01", zero}, {[]any{int64(1), int64(1), int64(1), int64(0), int64(0)}, zero},
		{int64(-62135596800), zero}, {int64(-62135596800000), zero}, {int64(-62135596800000000), zero}, {json.Number("-62135596800000000000"), zero},
		{"/Date(-62135596800000)/", zero}, {object{"seconds": int64(-62135596800), "nanos": int64(0)}, zero}, {time.Time{}, zero},
		{int64(0), epoch}, {"0", epoch}, {json.Number("0.0"), epoch}, {json.Number("-0"), epoch}, {"1970-01-01T00:00:00Z", epoch}, {"/Date(0)/", epoch},
		{object{"seconds": int64(0), "nanos": int64(0)}, epoch}, {object{"$date": int64(0)}, epoch}, {[]any{int64(0), int64(0)}, epoch},
		{"1970-01-01 00:00:00", "1969-12-31T15:00:00Z"}, {[]any{int64(1970), int64(1), int64(1)}, "1969-12-31T15:00:00Z"},
		{int64(253402300799), last}, {"253402300799", last}, {int64(253402300799999), last}, {int64(253402214400000), "9999-12-31T00:00:00Z"},
		{int64(253402300799999999), last}, {json.Number("253402300799999999999"), last}, {json.Number("253402300799.5"), last},
		{"9999-12-31T23:59:59Z", last}, {"9999-12-31T23:59:59-05:00", last}, {"9999-12-31 23:59:59", "9999-12-31T14:59:59Z"}, {"9999-01-01T00:00:00+09:00", "9998-12-31T15:00:00Z"},
	} {
		got, none, err := times.Parse(tt.value, seoul(t))
		if err != nil || !none || got.Truncate(time.Second).Format(time.RFC3339) != tt.want {
			t.Errorf("%v: got %v, none %t, %v, want none and %s", tt.value, got, none, err, tt.want)
		}
	}
	if got, none, err := times.Parse("9999-12-31T23:59:59", newYork); err != nil || !none || got.Year() != 9999 {
		t.Errorf("the end of time in New York: %v, %t, %v", got, none, err)
	}
	if _, none, err := times.Parse("2026-08-04", seoul(t)); none || err != nil {
		t.Errorf("a day: none %t, %v", none, err)
	}
}

func TestParseWithoutZone(t *testing.T) {
	got, _, err := times.Parse("2026-08-04", nil)
	if want := time.Date(2026, 8, 4, 0, 0, 0, 0, time.UTC); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, v := range []any{
		nil, true, "soon", int64(-1), int64(1), int64(7), "-1.5", int64(631_151_999), int64(631_151_999_999), int64(100_000_000_000), int64(-1785810600123),
		"Tue Aug 04 10:30:00 XYZ 2026", "Tue, 32 Aug 2026 10:30:00 GMT", "/Date(x)/", "/Date(99999999999999999)/", "20260804T1030x", "2026-08-04T10:30:00Z UTC", "2026-8-4", "2026-13-01", "2026-02-30", "2026-06-31", "2025-02-29", "2026-08-04T", "2026-08-04T10", "2026-08-04T24:00", "2026-08-04T10:30:60Z",
		"2026-08-04T10:30:00.", "2026-08-04T10:30:00+", "2026-08-04T10:30:00+9", "2026-08-04T10:30:00+24:00", "2026-08-04T10:30:00[Asia/Seoul]", "2026-08-04T10:30:00Z[", "2026-08-04x",
		"0x10", "inf", "NaN", "1_000", "1e400", "1e30", "--1",
		json.Number("1e1000000000"), json.Number("1e-1000000000"), json.Number("9999999999999999999999"), math.NaN(), math.Inf(1), int64(math.MinInt64), uint64(1),
		[]any{}, []any{int64(2026)}, []any{int64(2026), int64(8)}, []any{int64(2026), int64(8), int64(32)}, []any{int64(2026), int64(2), int64(30)}, []any{int64(2026), "8", int64(4)},
		[]any{int64(1785810600), int64(1_000_000_000)}, []any{int64(2026), int64(8), int64(4), int64(10), int64(30), int64(0), int64(0), int64(0)},
		object{}, object{"seconds": int64(1), "x": int64(1)}, object{"nanos": int64(1)}, object{"$date": object{"$date": int64(1)}},
	} {
		got, _, err := times.Parse(v, seoul(t))
		if !errors.Is(err, belfry.ErrInvalid) {
			t.Errorf("%#v: got %v, %v", v, got, err)
		} else if len(err.Error()) > 300 {
			t.Errorf("%#v: an error of %d bytes", v, len(err.Error()))
		}
	}
	if _, _, err := times.Parse(strings.Repeat("1", 1000), nil); err == nil || len(err.Error()) > 300 {
		t.Errorf("a long number: %v", err)
	}
}

// TestParseReadsWhatIsWritten holds that all ways to write a time say the
// same.
func TestParseReadsWhatIsWritten(t *testing.T) {
	zone := seoul(t)
	rapid.Check(t, func(t *rapid.T) {
		// From 1990, where numbers begin to be believed, to the end of 2200.
		at := time.Unix(rapid.Int64Range(631_152_000, 7_289_600_000).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds")).In(zone)
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
			got, _, err := times.Parse(way.value, zone)
			if want := at.Truncate(way.precision).UTC(); err != nil || !got.Equal(want) {
				t.Errorf("%s %v: got %v, %v, want %v", way.name, way.value, got, err, want)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"2026-08-04T10:30:00.1+09:00[Asia/Seoul]", "20260804", "1785810600.5", "-1e3", "2026-08-04 10:30 UTC"} {
		f.Add(s)
	}
	zone := seoul(f)
	f.Fuzz(func(t *testing.T, text string) {
		got, _, err := times.Parse(text, zone)
		if err != nil {
			if !errors.Is(err, belfry.ErrInvalid) {
				t.Errorf("error %v is not the sender's", err)
			}
			return
		}
		if again, _, err := times.Parse(got.Format(time.RFC3339Nano), zone); err != nil || !again.Equal(got) {
			t.Errorf("%q is %v, which is read as %v, %v", text, got, again, err)
		}
	})
}

// An error quotes no more of a value than it shows: a rule may try a whole document as a
// time, for each of thousands of elements.
func TestRefusalsAreShort(t *testing.T) {
	many := make([]any, 100_000)
	for i := range many {
		many[i] = int64(i)
	}
	long := strings.Repeat("7", 900_000)
	for name, v := range map[string]any{
		"list": many, "list of a list": []any{many}, "object": map[string]any{"a": many}, "object of many": map[string]any{"$date": map[string]any{"a": many}},
		"text": long, "date of a text": map[string]any{"$date": long + "x"}, "number": json.Number(long), "list of numbers": []any{json.Number(long)},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := times.Parse(v, nil)
		runtime.ReadMemStats(&after)
		if err == nil || len(err.Error()) > 400 {
			t.Errorf("%s: %.500v", name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 20_000 {
			t.Errorf("%s: %d bytes are allocated to refuse it", name, n)
		}
	}
}
