package schema_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/belfry/belfry/sources"
)

const orderProto = `syntax = "proto3";
package shop.v1;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/any.proto";
import "confluent/meta.proto";
import "confluent/type/decimal.proto";
import "common/user.proto";
enum State { STATE_NEW = 0; STATE_PAID = 1; }
message Ignored {}
message OrderCreated {
  option (confluent.message_meta).doc = "an order";
  message Line { string sku = 1; int32 count = 2; }
  int64 order_id = 1;
  uint64 big = 2;
  string customerName = 3;
  State state = 4;
  repeated Line lines = 5;
  map<int32, bool> flags = 6;
  bytes raw = 7;
  double total = 8;
  float share = 9;
  google.protobuf.Timestamp created_at = 10;
  google.protobuf.Int64Value maybe = 11;
  google.protobuf.Struct extra = 12;
  google.protobuf.Duration took = 13;
  google.protobuf.Any any = 14;
  confluent.type.Decimal price = 15;
  common.User buyer = 16;
  optional string note = 17;
  oneof gift { string card = 18; int32 voucher = 19; }
  sint32 delta = 20;
  repeated State states = 21;
  Line missing = 22;
}`

const userProto = `syntax = "proto3"; package common; message User { int64 id = 1; }`

// message appends fields by hand: a text is bytes, everything else a varint.
func message(fields ...any) string {
	var b []byte
	for i := 0; i < len(fields); i += 2 {
		number := protowire.Number(fields[i].(int))
		switch v := fields[i+1].(type) {
		case string:
			b = protowire.AppendTag(b, number, protowire.BytesType)
			b = protowire.AppendString(b, v)
		case int:
			b = protowire.AppendTag(b, number, protowire.VarintType)
			b = protowire.AppendVarint(b, uint64(v))
		case uint64:
			b = protowire.AppendTag(b, number, protowire.VarintType)
			b = protowire.AppendVarint(b, v)
		case float64:
			b = protowire.AppendTag(b, number, protowire.Fixed64Type)
			b = protowire.AppendFixed64(b, math.Float64bits(v))
		case float32:
			b = protowire.AppendTag(b, number, protowire.Fixed32Type)
			b = protowire.AppendFixed32(b, math.Float32bits(v))
		}
	}
	return string(b)
}

func putOrder(t testing.TB) *registry {
	t.Helper()
	r := newRegistry(t)
	for _, path := range []string{"/schemas/ids/7", "/schemas/guids/30313233-3435-3637-3839-616263646566"} {
		r.put(t, path, "PROTOBUF", orderProto, reference("common/user.proto", "common/user.proto", 2))
	}
	r.put(t, "/subjects/common%2Fuser.proto/versions/2", "PROTOBUF", userProto)
	return r
}

func TestDecoderReadsProtobuf(t *testing.T) {
	d := putOrder(t).decoder()
	full := message(1, 4711, 2, uint64(math.MaxUint64), 3, "김하늘", 4, 1, 5, message(1, "a", 2, 2), 5, message(1, "b"), 6, message(1, 3, 2, 1), 7, "\x01\xff", 8, 1e6, 9, float32(0.1),
		10, message(1, 1785810600, 2, 5_000_000), 11, message(1, 9), 12, message(1, message(1, "k", 2, message(2, 1.5))), 13, message(1, 3, 2, 500_000_000),
		14, message(1, "type.googleapis.com/common.User", 2, message(1, 8)), 15, message(1, "\x04\xd2", 3, 2), 16, message(1, 42), 17, "", 19, 5, 20, 3, 21, "\x00\x01\x07", 99, "unknown")
	fullWant := object{
		"order_id": int64(4711), "big": uint64(math.MaxUint64), "customerName": "김하늘", "state": "STATE_PAID",
		"lines": []any{object{"sku": "a", "count": int64(2)}, object{"sku": "b", "count": int64(0)}}, "flags": object{"3": true}, "raw": "Af8=",
		"total": int64(1000000), "share": json.Number("0.1"), "created_at": "2026-08-04T02:30:00.005Z", "maybe": int64(9), "extra": object{"k": json.Number("1.5")}, "took": "3.500s",
		"any": object{"@type": "type.googleapis.com/common.User", "id": int64(8)}, "price": json.Number("12.34"), "buyer": object{"id": int64(42)}, "note": "", "voucher": int64(5), "delta": int64(-2),
		"states": []any{"STATE_NEW", "STATE_PAID", int64(7)},
	}
	emptyWant := object{
		"order_id": int64(0), "big": int64(0), "customerName": "", "state": "STATE_NEW", "lines": []any{}, "flags": object{}, "raw": "", "total": int64(0), "share": int64(0), "delta": int64(0), "states": []any{},
	}
	// The message's place: https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
	const order, line, first = "\x02\x02", "\x04\x02\x00", "\x00"
	guid := "\x010123456789abcdef"
	tests := []struct {
		name  string
		value []byte
		id    string // a header's
		want  sources.Event
	}{
		{"all fields", frame(7, order+full), "", sources.Event{Type: "shop.v1.OrderCreated", Value: fullWant}},
		{"no fields", frame(7, order), "", sources.Event{Type: "shop.v1.OrderCreated", Value: emptyWant}},
		{"the first message", frame(7, first), "", sources.Event{Type: "shop.v1.Ignored", Value: object{}}},
		{"a message in a message", frame(7, line+message(1, "a")), "", sources.Event{Type: "shop.v1.OrderCreated.Line", Value: object{"sku": "a", "count": int64(0)}}},
		{"by a header", []byte(message(1, "a")), guid + line, sources.Event{Type: "shop.v1.OrderCreated.Line", Value: object{"sku": "a", "count": int64(0)}}},
		{"by a header, the first message", []byte(message(1, "x")), guid, sources.Event{Type: "shop.v1.Ignored", Value: object{}}},
		{"a type that the schema lacks", frame(7, order+message(14, message(1, "x/gone.Type", 2, "\x01"))), "",
			sources.Event{Type: "shop.v1.OrderCreated", Value: merged(emptyWant, object{"any": object{"@type": "x/gone.Type", "value": "AQ=="}})}},
		{"numbers that JSON lacks", frame(7, order+message(8, math.NaN(), 9, float32(math.Inf(-1)))), "",
			sources.Event{Type: "shop.v1.OrderCreated", Value: merged(emptyWant, object{"total": "NaN", "share": "-Infinity"})}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h []sources.Header
			if tt.id != "" {
				h = []sources.Header{{Key: "__value_schema_id", Value: []byte(tt.id)}}
			}
			if got := decodeOne(t, d, tt.value, h...); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %#v\nwant %#v", got, tt.want)
			}
		})
	}
}

func merged(a, b object) object {
	out := object{}
	for _, m := range []object{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func TestDecoderRefusesProtobuf(t *testing.T) {
	r := putOrder(t)
	r.put(t, "/schemas/ids/8", "PROTOBUF", `syntax = "proto3"; import "gone.proto"; message A {}`)
	r.put(t, "/schemas/ids/9", "PROTOBUF", `syntax = "proto3"; message A { A a = 1; }`)
	r.put(t, "/schemas/ids/10", "PROTOBUF", `syntax = "proto3"; package google.protobuf; message Timestamp { string text = 1; }`)
	d := r.decoder()
	deep := ""
	for range 250 {
		deep = message(1, deep)
	}
	for i, tt := range []struct {
		id            uint32
		payload, want string
	}{
		{7, "", "place in the schema is missing"},
		{7, "\x01", "place in the schema is missing"},
		{7, "\x02", "place in the schema is cut off"},
		{7, "\x02\x06", "has no message [3]"},
		{7, "\x02\x01", "has no message [-1]"},
		{7, "\x04\x02\x04", "has no message [1 2]"},
		{7, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "missing"},
		{7, "\x02\x02\x1a\x05ab", "must be what schema 7"},
		{7, "\x02\x02" + message(3, "\xff"), "UTF-8"},
		{7, "\x02\x02" + message(10, message(1, 1<<50)), "a time is not in the years"},
		{7, "\x02\x02" + message(15, message(1, "\x01", 3, 1<<30)), "too many digits"},
		{8, "\x00", "gone.proto"},
		{9, "\x00" + deep, "must be what schema 9"},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			refused(t, d, sources.Record{Value: frame(tt.id, tt.payload)}, tt.want)
		})
	}
	if got, want := decodeOne(t, d, frame(10, "\x00"+message(1, "a"))).Value, (object{"text": "a"}); !reflect.DeepEqual(got, want) {
		t.Errorf("a name of Google's: got %v, want %v", got, want)
	}
}

// FuzzDecoderFrame holds that no payload makes a library panic.
func FuzzDecoderFrame(f *testing.F) {
	r := putOrder(f)
	r.put(f, "/schemas/ids/1", "", orderAvro)
	r.put(f, "/schemas/ids/2", "", `{"type":"record","name":"Node","fields":[{"name":"n","type":["long","bytes",{"type":"map","values":"Node"}]},{"name":"next","type":{"type":"array","items":["null","Node"]}}]}`)
	d := r.decoder()
	ids := []byte{1, 2, 7}
	// Of each schema a payload that is one: 0 and no text in an order, a node with the
	// number 1, an empty message.
	for i, good := range []string{string(make([]byte, 60)), "\x00\x02\x00", "\x00"} {
		f.Add(byte(i), []byte(good))
		f.Add(byte(i), []byte("\x02\x02\x04\x02\x00abc"))
	}
	f.Fuzz(func(t *testing.T, id byte, payload []byte) {
		id = ids[id%3]
		got, err := d.Decode(t.Context(), sources.Record{Value: frame(uint32(id), string(payload))})
		if err != nil {
			return
		}
		for _, e := range got {
			if _, err := json.Marshal(e.Value); err != nil {
				t.Errorf("a value that is no JSON: %v", err)
			}
		}
	})
}
