package envelope

import (
	"strings"
	"time"
)

// textTime reads ISO 8601 and numbers.
func textTime(text string, zone *time.Location) (time.Time, bool) {
	if strings.Trim(text, "0123456789") == "" {
		if t, ok := compactTime(text, zone); ok {
			return t, true
		}
		return epochTime(text)
	}
	s := scan{text: text}
	var n [7]int64
	if !s.number(&n[0], 4) || !s.skip("-") || !s.number(&n[1], 2) || !s.skip("-") || !s.number(&n[2], 2) {
		return epochText(text)
	}
	if s.text == "" {
		return clock(n, zone)
	}
	if !s.skip("T") && !s.skip("t") && !s.skip(" ") || !s.number(&n[3], 2) || !s.skip(":") || !s.number(&n[4], 2) {
		return time.Time{}, false
	}
	if s.skip(":") {
		if !s.number(&n[5], 2) || (s.skip(".") || s.skip(",")) && !s.fraction(&n[6]) {
			return time.Time{}, false
		}
	}
	zone, ok := s.zone(zone)
	if !ok {
		return time.Time{}, false
	}
	return clock(n, zone)
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
	if !strings.HasPrefix(text, "19") && !strings.HasPrefix(text, "20") {
		return time.Time{}, false
	}
	s := scan{text: text}
	var n [7]int64
	s.number(&n[0], 4)
	ok := s.number(&n[1], 2) && s.number(&n[2], 2)
	switch len(text) {
	case len("20260804"):
	case len("20260804103000"):
		ok = ok && s.number(&n[3], 2) && s.number(&n[4], 2) && s.number(&n[5], 2)
	default:
		return time.Time{}, false
	}
	if !ok {
		return time.Time{}, false
	}
	return clock(n, zone)
}

// scan is the rest of a text that is read from its start.
type scan struct{ text string }

func (s *scan) skip(prefix string) bool {
	rest, ok := strings.CutPrefix(s.text, prefix)
	s.text = rest
	return ok
}

// number reads that number of digits.
func (s *scan) number(to *int64, digits int) bool {
	if len(s.text) < digits {
		return false
	}
	*to = 0
	for _, c := range []byte(s.text[:digits]) {
		if !isDigit(c) {
			return false
		}
		*to = *to*10 + int64(c-'0')
	}
	s.text = s.text[digits:]
	return true
}

// fraction reads a second's, in nanoseconds; finer digits are dropped.
func (s *scan) fraction(to *int64) bool {
	digits := 0
	*to = 0
	for ; s.text != "" && isDigit(s.text[0]); s.text = s.text[1:] {
		if digits++; digits <= 9 {
			*to = *to*10 + int64(s.text[0]-'0')
		}
	}
	for d := digits; d < 9; d++ {
		*to *= 10
	}
	return digits > 0
}

// zone reads the rest of the text.
func (s *scan) zone(local *time.Location) (*time.Location, bool) {
	s.skip(" ")
	switch s.text {
	case "":
		return local, true
	case "Z", "z", "UTC", "GMT":
		return time.UTC, true
	}
	if s.skip("Z") && s.region() {
		return time.UTC, true
	}
	sign := int64(1)
	if s.skip("-") {
		sign = -1
	} else if !s.skip("+") {
		return nil, false
	}
	var hours, minutes int64
	if !s.number(&hours, 2) {
		return nil, false
	}
	if s.text != "" && s.text[0] != '[' {
		s.skip(":")
		if !s.number(&minutes, 2) {
			return nil, false
		}
	}
	if s.text != "" && !s.region() || hours > 23 || minutes > 59 {
		return nil, false
	}
	return time.FixedZone("", int(sign*(hours*60+minutes)*60)), true
}

// region reports that only a region's name in brackets follows, as Java writes
// it; the offset before it says all.
func (s *scan) region() bool {
	return len(s.text) > 2 && s.text[0] == '[' && strings.IndexByte(s.text, ']') == len(s.text)-1
}
