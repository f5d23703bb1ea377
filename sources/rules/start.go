package rules

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Start is where the reading of a source begins when it is activated for the
// first time. The zero value is the end of its topics: what comes from then on.
type Start struct {
	Earliest bool
	At       time.Time     // records from then on; zero if not given
	Back     time.Duration // records of that long before the activation; 0 if not given
}

// ParseStart reads latest, earliest, a time in RFC 3339 or a duration such as
// 72h or 7d.
func ParseStart(s string) (Start, error) {
	switch s {
	case "latest":
		return Start{}, nil
	case "earliest":
		return Start{Earliest: true}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return Start{At: t.UTC()}, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 && float64(n) < math.MaxInt64/float64(24*time.Hour) {
			return Start{Back: time.Duration(n) * 24 * time.Hour}, nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return Start{Back: d}, nil
	}
	return Start{}, errors.New(`must be latest, earliest, a time such as 2026-01-31T09:00:00Z (RFC 3339), or how far back, such as "72h" or "7d"`)
}

// Since returns the time from which records count, for a source activated at
// now. It is not ok for latest and earliest.
func (s Start) Since(now time.Time) (since time.Time, ok bool) {
	switch {
	case !s.At.IsZero():
		return s.At, true
	case s.Back > 0:
		return now.Add(-s.Back), true
	}
	return time.Time{}, false
}

// String returns what [ParseStart] reads.
func (s Start) String() string {
	switch {
	case s.Earliest:
		return "earliest"
	case !s.At.IsZero():
		return s.At.Format(time.RFC3339Nano)
	case s.Back > 0 && s.Back%(24*time.Hour) == 0:
		return strconv.Itoa(int(s.Back/(24*time.Hour))) + "d"
	case s.Back > 0:
		return s.Back.String()
	}
	return "latest"
}
