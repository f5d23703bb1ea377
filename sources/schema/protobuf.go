package schema

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/belfry/belfry/sources/envelope"
)

// protobufSchema reads messages into what JSON would be, see [sources.Event.Value], much
// as Protobuf's JSON mapping does, but: fields have the names that stand in the
// schema; those of 64 bits are numbers; a field that cannot tell that it is
// unset has its default, any other that is unset is not there. A value of an
// enum is its name, bytes are base64, times text in ISO 8601.
type protobufSchema struct {
	file protoreflect.FileDescriptor
	all  *protoregistry.Files // what it imports too
	// widest is what the message with the most fields takes, in bytes.
	widest int
}

// schemaPath is where the schema itself stands among what it imports.
const schemaPath = "belfry/schema.proto"

func compileProtobuf(ctx context.Context, text string, references []reference) (schema, error) {
	files := map[string]string{}
	for _, r := range references {
		if !strings.HasPrefix(r.name, "google/protobuf/") { // those are the compiler's
			files[r.name] = r.text
		}
	}
	files["confluent/meta.proto"], files["confluent/type/decimal.proto"] = confluentMeta, confluentDecimal
	files[schemaPath] = text
	compiler := protocompile.Compiler{
		Resolver:       protocompile.WithStandardImports(&protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(files)}),
		MaxParallelism: 1,
	}
	compiled, err := compiler.Compile(ctx, schemaPath)
	if err != nil {
		return nil, err
	}
	s := protobufSchema{file: compiled[0], all: new(protoregistry.Files)}
	withImports(s.all, s.file)
	s.widest = widest(s.all)
	return s, nil
}

func (s protobufSchema) decode(room *envelope.Room, ref envelope.SchemaID, body []byte) (any, string, error) {
	path, body, err := messagePath(ref, body)
	if err != nil {
		return nil, "", err
	}
	messages := s.file.Messages()
	var d protoreflect.MessageDescriptor
	for _, i := range path {
		if i < 0 || i >= int64(messages.Len()) {
			return nil, "", fmt.Errorf("it has no message %v", path)
		}
		d = messages.Get(int(i))
		messages = d.Messages()
	}
	v, err := s.encoded(room, d, body, 0)
	return v, string(d.FullName()), err
}

// encoded reads a message as encoded.
func (s protobufSchema) encoded(room *envelope.Room, d protoreflect.MessageDescriptor, body []byte, depth int) (any, error) {
	if err := s.take(room, d, body); err != nil {
		return nil, err
	}
	m := dynamicpb.NewMessage(d)
	if err := (proto.UnmarshalOptions{AllowPartial: true, RecursionLimit: envelope.MaxDepth}).Unmarshal(body, m); err != nil {
		return nil, err
	}
	return s.message(room, m, depth)
}

// messagePath reads which message of the file follows: its place in the file,
// then in that message and so on, as zigzag varints after their number; 0 alone
// stands for the first one. A header with the schema's id has them too.
func messagePath(ref envelope.SchemaID, body []byte) (path []int64, rest []byte, err error) {
	if ref.Header {
		if len(ref.Index) == 0 {
			return []int64{0}, body, nil
		}
		path, left, err := readPath(ref.Index)
		if err == nil && len(left) > 0 {
			err = errors.New("bytes follow the message's place in the header")
		}
		return path, body, err
	}
	return readPath(body)
}

func readPath(b []byte) (path []int64, rest []byte, err error) {
	const most = 64 // messages in each other
	count, n := binary.Varint(b)
	if n <= 0 || count < 0 || count > most {
		return nil, nil, errors.New("the message's place in the schema is missing")
	}
	b = b[n:]
	if count == 0 {
		return []int64{0}, b, nil
	}
	for range count {
		i, n := binary.Varint(b)
		if n <= 0 {
			return nil, nil, errors.New("the message's place in the schema is cut off")
		}
		path, b = append(path, i), b[n:]
	}
	return path, b, nil
}

func (s protobufSchema) message(room *envelope.Room, m protoreflect.Message, depth int) (any, error) {
	if depth > envelope.MaxDepth {
		return nil, fmt.Errorf("it has more than %d levels", envelope.MaxDepth)
	}
	d := m.Descriptor()
	if v, known, err := s.wellKnown(room, m, depth); known {
		return v, err
	}
	fields := d.Fields()
	out := make(map[string]any, fields.Len())
	for i := range fields.Len() {
		f := fields.Get(i)
		if f.HasPresence() && !m.Has(f) {
			continue
		}
		v, err := s.field(room, f, m.Get(f), depth)
		if err != nil {
			return nil, err
		}
		out[string(f.Name())] = v
	}
	return out, nil
}

func (s protobufSchema) field(room *envelope.Room, f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) (any, error) {
	switch {
	case f.IsMap():
		out := make(map[string]any, v.Map().Len())
		var err error
		v.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
			out[key.String()], err = s.single(room, f.MapValue(), value, depth+1)
			return err == nil
		})
		return out, err
	case f.IsList():
		out := make([]any, v.List().Len())
		for i := range out {
			var err error
			if out[i], err = s.single(room, f, v.List().Get(i), depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return s.single(room, f, v, depth)
}

func (s protobufSchema) single(room *envelope.Room, f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) (any, error) {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return s.message(room, v.Message(), depth+1)
	case protoreflect.EnumKind:
		if named := f.Enum().Values().ByNumber(v.Enum()); named != nil {
			return string(named.Name()), nil
		}
		return int64(v.Enum()), nil
	case protoreflect.StringKind:
		if !utf8.ValidString(v.String()) { // proto2 does not care
			return nil, fmt.Errorf("the text %s is not UTF-8", f.Name())
		}
		return v.String(), nil
	case protoreflect.BytesKind:
		return base64.StdEncoding.EncodeToString(v.Bytes()), nil
	case protoreflect.BoolKind:
		return v.Bool(), nil
	case protoreflect.FloatKind:
		return floating(v.Float(), 32), nil
	case protoreflect.DoubleKind:
		return floating(v.Float(), 64), nil
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		if n := v.Uint(); n > math.MaxInt64 {
			return n, nil
		}
		return int64(v.Uint()), nil
	default: // the signed ones
		return v.Int(), nil
	}
}

// wellKnown reads messages that have a form of their own in JSON. Those are the
// ones of the files that compileProtobuf has put there, whatever else has such a
// name.
func (s protobufSchema) wellKnown(room *envelope.Room, m protoreflect.Message, depth int) (v any, known bool, err error) {
	if path := m.Descriptor().ParentFile().Path(); !strings.HasPrefix(path, "google/protobuf/") && !strings.HasPrefix(path, "confluent/type/") {
		return nil, false, nil
	}
	fields := m.Descriptor().Fields()
	get := func(number protoreflect.FieldNumber) protoreflect.Value { return m.Get(fields.ByNumber(number)) }
	switch m.Descriptor().FullName() {
	case "google.protobuf.Timestamp":
		t := time.Unix(get(1).Int(), get(2).Int()).UTC()
		if t.Year() < 1 || t.Year() > 9999 {
			return nil, true, errors.New("a time is not in the years 1 to 9999")
		}
		return t.Format(time.RFC3339Nano), true, nil
	case "google.protobuf.DoubleValue", "google.protobuf.FloatValue", "google.protobuf.Int64Value", "google.protobuf.UInt64Value", "google.protobuf.Int32Value",
		"google.protobuf.UInt32Value", "google.protobuf.BoolValue", "google.protobuf.StringValue", "google.protobuf.BytesValue":
		v, err := s.single(room, fields.ByNumber(1), get(1), depth)
		return v, true, err
	case "google.protobuf.Duration", "google.protobuf.FieldMask", "google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue":
		text, err := protojson.Marshal(m.Interface())
		if err != nil {
			return nil, true, err
		}
		v, err := envelope.ParseWithin(room, text)
		return v, true, err
	case "google.protobuf.Any":
		v, err := s.any(room, m, depth)
		return v, true, err
	case "confluent.type.Decimal":
		scale := int(get(3).Int())
		if err := room.Times(digitsOf(scale), digitBytes); err != nil {
			return nil, true, err
		}
		v, err := decimal(get(1).Bytes(), scale)
		return v, true, err
	}
	return nil, false, nil
}

// any reads a message of a type that is named beside it, if the schema has that
// type; otherwise its bytes stay base64.
func (s protobufSchema) any(room *envelope.Room, m protoreflect.Message, depth int) (any, error) {
	fields := m.Descriptor().Fields()
	url, body := m.Get(fields.ByNumber(1)).String(), m.Get(fields.ByNumber(2)).Bytes()
	// Each of several in each other has the bytes of all within it.
	if err := room.Times(len(body), 3); err != nil {
		return nil, err
	}
	out := map[string]any{"@type": url, "value": base64.StdEncoding.EncodeToString(body)}
	_, name, _ := strings.Cut(url, "/")
	found, _ := s.all.FindDescriptorByName(protoreflect.FullName(name))
	d, ok := found.(protoreflect.MessageDescriptor)
	if !ok {
		return out, nil
	}
	v, err := s.encoded(room, d, body, depth+1)
	if err != nil {
		return nil, err
	}
	if fields, ok := v.(map[string]any); ok {
		fields["@type"] = url
		return fields, nil
	}
	out["value"] = v
	return out, nil
}
