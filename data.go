package belfry

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a notification's data, for the programs that read it: many read a level of JSON
// by calling themselves, and a number into 64 bits.
const (
	MaxDataLevels  = 64
	maxNumberBytes = 320 // the digits of the largest double
)

// checkData refuses all but a JSON object, for the reason that checkTime gives, and what
// would break the programs of recipients.
func checkData(field string, data json.RawMessage) error {
	if len(data) == 0 {
		return nil
	}
	if !utf8.Valid(data) || !json.Valid(data) || data[skipSpace(data)] != '{' {
		return Invalid(field, "must be a JSON object in UTF-8")
	}
	levels := 0
	for i := 0; i < len(data); {
		switch c := data[i]; {
		case c == '"':
			i += stringLength(data[i:])
			continue
		case c == '{' || c == '[':
			if levels++; levels > MaxDataLevels {
				return Invalid(field, "must be JSON of at most %d levels", MaxDataLevels)
			}
		case c == '}' || c == ']':
			levels--
		case c == '-' || '0' <= c && c <= '9':
			n := numberLength(data[i:])
			if number := string(data[i : i+n]); !commonNumber(number) {
				return Invalid(field, "has the number %.40s at byte %d, which neither a double nor 64 bits hold; send it as a text", number, i)
			}
			i += n
			continue
		}
		i++
	}
	return nil
}

func skipSpace(data []byte) int {
	i := 0
	for i < len(data) && strings.IndexByte(jsonSpace, data[i]) >= 0 {
		i++
	}
	return i
}

// numberLength is the length of the number that valid JSON begins with.
func numberLength(data []byte) int {
	n := 0
	for n < len(data) && strings.IndexByte("+-.eE0123456789", data[n]) >= 0 {
		n++
	}
	return n
}

// commonNumber reports whether a number of JSON is one that a double comes near to or 64
// bits hold; most are short and have no exponent.
func commonNumber(number string) bool {
	if len(number) < 20 && !strings.ContainsAny(number, "eE") {
		return true
	}
	if len(number) > maxNumberBytes {
		return false
	}
	f, err := strconv.ParseFloat(number, 64)
	mantissa, _, _ := strings.Cut(strings.ToLower(number), "e")
	return err == nil && (f != 0 || !strings.ContainsAny(mantissa, "123456789"))
}
