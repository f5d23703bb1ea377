package rules

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/belfry/belfry/sources/times"
)

// errNull is the error of a null where a text is needed.
var errNull = errors.New(`the value is null; say what stands for it, such as or(event.a, "")`)

// errAbsent is the error of an optional that is absent where a text is needed.
var errAbsent = errors.New(`the field is missing; write .orValue("") after it`)

// textOf is a value as it stands in a text: numbers as they were written, times
// in RFC 3339.
func textOf(v ref.Val) (string, error) {
	switch v := v.(type) {
	case types.String:
		return string(v), nil
	case types.Int:
		return strconv.FormatInt(int64(v), 10), nil
	case types.Uint:
		return strconv.FormatUint(uint64(v), 10), nil
	case writtenNumber:
		return v.text.String(), nil
	case types.Double:
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return "", fmt.Errorf("the number is %v, which cannot be written as text", f)
		}
		return strconv.FormatFloat(float64(v), 'f', -1, 64), nil
	case types.Bool:
		return strconv.FormatBool(bool(v)), nil
	case types.Timestamp:
		return v.UTC().Format(time.RFC3339Nano), nil
	case types.Duration:
		text, ok := v.ConvertToType(types.StringType).(types.String)
		if !ok {
			return "", errors.New("the duration cannot be written as text")
		}
		return string(text), nil
	case types.Bytes:
		if !utf8.Valid(v) {
			return "", errors.New("the bytes are not UTF-8; write base64.encode(...)")
		}
		return string(v), nil
	case *types.Optional:
		if v.HasValue() {
			return textOf(v.GetValue())
		}
		return "", errAbsent
	case types.Null:
		return "", errNull
	case traits.Lister:
		return "", errors.New(`the value is a list; take one element, such as event.a[0], or write .join(", ") after it`)
	case traits.Mapper:
		return "", errors.New("the value is an object; take one of its fields, such as event.a.name")
	}
	return "", fmt.Errorf("a value of type %s cannot be written as text", v.Type().TypeName())
}

// momentOf reads the time of a field, in any of the forms that events have. Null, an
// optional that is absent and what stands for no time give the zero time. A delivery
// in the year 9999 is meant for never, and may not come at once.
func momentOf(field string, v ref.Val, zone *time.Location) (time.Time, error) {
	t, none, err := readTime(v, zone)
	switch {
	case err == nil && field == "deliver_at" && t.Year() >= 9999:
		return t, errors.New("is never; let the condition of the rule leave such events out")
	case none:
		return time.Time{}, nil
	}
	return t, err
}

// readTime is times.Parse for a value of CEL.
func readTime(v ref.Val, zone *time.Location) (t time.Time, none bool, err error) {
	switch t := v.(type) {
	case types.Timestamp:
		return times.Parse(t.Time, zone)
	case types.Null:
		return time.Time{}, true, nil
	case *types.Optional:
		if !t.HasValue() {
			return time.Time{}, true, nil
		}
		return readTime(t.GetValue(), zone)
	}
	value, _, err := native(v)
	if err != nil {
		return time.Time{}, false, err
	}
	return times.Parse(value, zone)
}

// isBlank reports whether a value is null, an empty text or an absent optional.
func isBlank(v ref.Val) bool {
	switch v := v.(type) {
	case types.Null:
		return true
	case types.String:
		return strings.TrimSpace(string(v)) == ""
	case *types.Optional:
		return !v.HasValue() || isBlank(v.GetValue())
	}
	return false
}
