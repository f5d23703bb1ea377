package schema

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/avro"

	"github.com/belfry/belfry/sources/envelope"
)

// avroSchema reads Avro's binary encoding into what JSON would be, see
// [sources.Event.Value]: a record is an object, a union the value of its branch, an enum
// its symbol, bytes base64. Of the logical types, dates and times are text in
// ISO 8601 (timestamps in UTC, local ones without a zone), decimals numbers with
// their digits, UUIDs text. A number that JSON lacks (NaN) is text.
type avroSchema struct {
	schema   *avro.Schema
	name     string
	branches []string // the names of the union's, if the schema is one
	root     *avro.SchemaNode
	types    map[string]*avro.SchemaNode // by their full names
}

func compileAvro(text string, references []reference) (schema, error) {
	var cache avro.SchemaCache
	options := append(avroTypes(), avro.WithLaxNames(nil)) // registries check names, or don't
	types := map[string]*avro.SchemaNode{}
	for _, r := range references {
		parsed, err := cache.Parse(r.text, options...)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", r.name, err)
		}
		avroTypesOf(parsed.Root(), types)
	}
	parsed, err := cache.Parse(text, options...)
	if err != nil {
		return nil, err
	}
	root := parsed.Root()
	out := &avroSchema{schema: parsed, name: avroName(root), root: root, types: types}
	avroTypesOf(root, out.types)
	for i := range root.Branches {
		out.branches = append(out.branches, avroName(&root.Branches[i]))
	}
	return out, nil
}

// avroName is the full name of a record, enum or fixed; other types have none.
func avroName(n *avro.SchemaNode) string {
	switch n.Type {
	case "null", "boolean", "int", "long", "float", "double", "bytes", "string", "array", "map", "union":
		return ""
	case "record", "error", "enum", "fixed":
		if n.Namespace == "" || n.Name == "" || strings.Contains(n.Name, ".") {
			return n.Name
		}
		return n.Namespace + "." + n.Name
	}
	return n.Type // a type that is defined elsewhere
}

func (s *avroSchema) decode(room *envelope.Room, _ envelope.SchemaID, body []byte) (any, string, error) {
	count := avroRoom{room: room, types: s.types, body: body, valid: true}
	if err := count.value(s.root, 0); err != nil {
		return nil, "", err
	}
	var v any
	rest, err := s.schema.Decode(body, &v)
	if err != nil {
		return nil, "", err
	}
	if len(rest) > 0 {
		return nil, "", fmt.Errorf("%d bytes are left over", len(rest))
	}
	v, err = plain(v, 0)
	return v, s.typeName(body), err
}

// typeName is that of the schema or, of a union, that of the branch which body,
// as decoded, begins with.
func (s *avroSchema) typeName(body []byte) string {
	if len(s.branches) == 0 {
		return s.name
	}
	branch, _ := binary.Varint(body)
	return s.branches[branch]
}

// avroTypes say how logical types are read, where the library's Go types would
// lose which they were.
func avroTypes() []avro.SchemaOpt {
	at := func(unit int64, layout string) func(any, *avro.SchemaNode) (any, error) {
		return func(v any, _ *avro.SchemaNode) (any, error) {
			n, ok := v.(int64)
			if !ok {
				return nil, avro.ErrSkipCustomType
			}
			seconds, rest := n/unit, n%unit
			if t := time.Unix(seconds, rest*(int64(time.Second)/unit)).UTC(); t.Year() >= 1 && t.Year() <= 9999 {
				return t.Format(layout), nil
			}
			return n, nil
		}
	}
	clock := func(unit time.Duration) func(any, *avro.SchemaNode) (any, error) {
		return func(v any, _ *avro.SchemaNode) (any, error) {
			n, ok := v.(int64)
			if small, is := v.(int32); is {
				n, ok = int64(small), true
			}
			if day := int64(24 * time.Hour / unit); !ok || n < 0 || n >= day {
				return v, nil
			}
			return time.Unix(0, n*int64(unit)).UTC().Format("15:04:05.999999999"), nil
		}
	}
	const local = "2006-01-02T15:04:05.999999999"
	var out []avro.SchemaOpt
	for _, t := range []avro.CustomType{
		{LogicalType: "timestamp-millis", AvroType: "long", Decode: at(1e3, time.RFC3339Nano)},
		{LogicalType: "timestamp-micros", AvroType: "long", Decode: at(1e6, time.RFC3339Nano)},
		{LogicalType: "timestamp-nanos", AvroType: "long", Decode: at(1e9, time.RFC3339Nano)},
		{LogicalType: "local-timestamp-millis", AvroType: "long", Decode: at(1e3, local)},
		{LogicalType: "local-timestamp-micros", AvroType: "long", Decode: at(1e6, local)},
		{LogicalType: "local-timestamp-nanos", AvroType: "long", Decode: at(1e9, local)},
		{LogicalType: "time-millis", AvroType: "int", Decode: clock(time.Millisecond)},
		{LogicalType: "time-micros", AvroType: "long", Decode: clock(time.Microsecond)},
		{LogicalType: "date", AvroType: "int", Decode: avroDate},
		{LogicalType: "decimal", AvroType: "bytes", Decode: avroDecimal},
		{LogicalType: "decimal", AvroType: "fixed", Decode: avroDecimal},
	} {
		out = append(out, avro.WithCustomType(t))
	}
	return out
}

func avroDate(v any, _ *avro.SchemaNode) (any, error) {
	days, ok := v.(int32)
	if t := time.Unix(int64(days)*24*60*60, 0).UTC(); ok && t.Year() >= 1 && t.Year() <= 9999 {
		return t.Format(time.DateOnly), nil
	}
	return v, nil
}

func avroDecimal(v any, node *avro.SchemaNode) (any, error) {
	digits, ok := v.([]byte)
	if !ok {
		return nil, avro.ErrSkipCustomType
	}
	return decimal(digits, node.Scale)
}

// maxDigits is the largest scale of a decimal, and how many bytes its value has at most:
// longer ones would take long to print.
const maxDigits = 1024

// decimal is a number with scale digits after the point, from its unscaled
// value in two's complement, big-endian.
func decimal(unscaled []byte, scale int) (any, error) {
	if len(unscaled) > maxDigits || scale < -maxDigits || scale > maxDigits {
		return nil, errors.New("a decimal has too many digits")
	}
	n := new(big.Int).SetBytes(unscaled)
	if len(unscaled) > 0 && unscaled[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(unscaled))*8))
	}
	if scale <= 0 {
		n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-scale)), nil))
		return envelope.Number(n.String()), nil
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return json.Number(new(big.Rat).SetFrac(n, power).FloatString(scale)), nil
}

// floating writes a float as JavaScript does: no 1e+06.
func floating(f float64, bits int) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		if f < 0 {
			return "-Infinity"
		}
		return "Infinity"
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return envelope.Number(strconv.FormatFloat(f, format, -1, bits))
}

// plain makes what a library has decoded into what an event's value may be.
func plain(v any, depth int) (any, error) {
	if depth > envelope.MaxDepth {
		return nil, fmt.Errorf("it has more than %d levels", envelope.MaxDepth)
	}
	switch v := v.(type) {
	case nil, bool, int64, json.Number:
		return v, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, errors.New("a text is not UTF-8")
		}
		return v, nil
	case int32:
		return int64(v), nil
	case float32:
		return floating(float64(v), 32), nil
	case float64:
		return floating(v, 64), nil
	case []byte:
		return base64.StdEncoding.EncodeToString(v), nil
	case [16]byte:
		return fmt.Sprintf("%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:]), nil
	case *big.Rat:
		digits, exact := v.FloatPrec()
		if !exact || digits > 1024 {
			return nil, errors.New("a decimal has too many digits")
		}
		return envelope.Number(v.FloatString(digits)), nil
	case avro.Duration:
		return fmt.Sprintf("P%dM%dDT%s%sS", v.Months, v.Days, strconv.FormatUint(uint64(v.Milliseconds/1000), 10), fraction(v.Milliseconds%1000)), nil
	case []any:
		for i := range v {
			var err error
			if v[i], err = plain(v[i], depth+1); err != nil {
				return nil, err
			}
		}
		return v, nil
	case map[string]any:
		for name, value := range v {
			if !utf8.ValidString(name) {
				return nil, errors.New("a name is not UTF-8")
			}
			value, err := plain(value, depth+1)
			if err != nil {
				return nil, err
			}
			v[name] = value
		}
		return v, nil
	}
	return nil, fmt.Errorf("it has a value of the unknown type %T", v)
}

func fraction(milliseconds uint32) string {
	if milliseconds == 0 {
		return ""
	}
	return fmt.Sprintf(".%03d", milliseconds)
}
