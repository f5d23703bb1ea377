package reach

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry/belfry"
)

// Clock is a time of day, in minutes since midnight: 0 to 1440.
type Clock int

// midnight is the end of a day.
const midnight Clock = 24 * 60

// ParseClock reads "HH:MM", "00:00" to "24:00". An error is a *belfry.FieldError for that
// field.
func ParseClock(field, text string) (Clock, error) {
	var h, m int
	if n, err := fmt.Sscanf(text, "%02d:%02d", &h, &m); err == nil && n == 2 {
		if c := Clock(h*60 + m); h >= 0 && m >= 0 && m < 60 && c <= midnight && c.String() == text {
			return c, nil
		}
	}
	return 0, belfry.Invalid(field, `must be a time of day, "00:00" to "24:00", not %.20q`, text)
}

// String returns what ParseClock reads.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// MarshalText returns [Clock.String].
func (c Clock) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is [ParseClock].
func (c *Clock) UnmarshalText(text []byte) (err error) {
	*c, err = ParseClock("", string(text))
	return err
}

// Weekdays is a set of days of the week: bit 0 is Sunday, as time.Weekday has it.
type Weekdays uint8

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// ParseWeekdays reads names of days: sun, mon, tue, wed, thu, fri, sat. An error is a
// *belfry.FieldError for that field.
func ParseWeekdays(field string, names []string) (d Weekdays, err error) {
	for i, name := range names {
		at := slices.Index(dayNames, name)
		if at < 0 {
			return 0, belfry.Invalid(fmt.Sprintf("%s[%d]", field, i), "must be mon, tue, wed, thu, fri, sat or sun, not %.20q", name)
		}
		d |= 1 << at
	}
	return d, nil
}

// Has reports whether day is one of d. The empty set stands for all.
func (d Weekdays) Has(day time.Weekday) bool { return d == 0 || d&(1<<day) != 0 }

// Names returns the names of the days in d, Monday first.
func (d Weekdays) Names() []string {
	out := []string{}
	for i := range dayNames {
		if at := (i + 1) % len(dayNames); d&(1<<at) != 0 {
			out = append(out, dayNames[at])
		}
	}
	return out
}

// MarshalText returns the names with commas between them.
func (d Weekdays) MarshalText() ([]byte, error) { return []byte(strings.Join(d.Names(), ",")), nil }
