package schema_test

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

const wideProto = `syntax = "proto3";
package wide;
import "google/protobuf/struct.proto";
import "google/protobuf/any.proto";
import "confluent/type/decimal.proto";
message Wide {
  message Empty {}
  message Columns { int32 a = 1; int32 b = 2; int32 c = 3; int32 d = 4; int32 e = 5; int32 f = 6; int32 g = 7; int32 h = 8; repeated string i = 9; map<string, string> j = 10; }
  repeated Empty empty = 1;
  repeated Columns columns = 2;
  repeated bool flags = 3;
  map<int32, Columns> all = 4;
  google.protobuf.ListValue list = 5;
  repeated google.protobuf.Any any = 6;
  Wide inner = 7;
  repeated string texts = 8;
  repeated confluent.type.Decimal decimals = 9;
}`

const wideAvro = `{"type":"record","name":"Wide","fields":[
	{"name":"lists","type":{"type":"array","items":{"type":"array","items":"null"}}},
	{"name":"rows","type":{"type":"array","items":{"type":"record","name":"Row","fields":[
		{"name":"a","type":"null"},{"name":"b","type":"null"},{"name":"c","type":["null","Wide"]},{"name":"d","type":["null","shop.Other"]}]}}},
	{"name":"maps","type":{"type":"map","values":{"type":"map","values":"null"}}}]}`

// allocated is how much a record allocates while it is decoded.
func allocated(t *testing.T, d *envelope.Decoder, value []byte) (uint64, error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := d.Decode(t.Context(), sources.Record{Value: value})
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

func TestDecodedValuesAreBounded(t *testing.T) {
	r := newRegistry(t)
	r.put(t, "/schemas/ids/1", "PROTOBUF", wideProto)
	r.put(t, "/subjects/other/versions/1", "", `{"type":"record","name":"Other","namespace":"shop","fields":[{"name":"n","type":{"type":"array","items":{"type":"record","name":"Row2","fields":[{"name":"x","type":"null"}]}}}]}`)
	r.put(t, "/schemas/ids/2", "", wideAvro, reference("shop.Other", "other", 1))
	d := r.decoder()
	long := func(n int64) string { return string(binary.AppendVarint(nil, n)) }
	list := strings.Repeat(message(1, ""), 200_000)
	anyOf := func(name, body string) string { return message(6, message(1, "x/"+name, 2, body)) }
	r.put(t, "/schemas/ids/3", "PROTOBUF", `edition = "2023"; package deep; option features.message_encoding = DELIMITED; message G { repeated bool flags = 3; G inner = 7; }`)
	deep := message(8, strings.Repeat("x", 700_000))
	for range 100 {
		deep = anyOf("wide.Wide", deep)
	}
	r.put(t, "/schemas/ids/4", "", `{"type":"array","items":{"type":"bytes","logicalType":"decimal","precision":1024,"scale":1024}}`)
	var entries strings.Builder
	for i := range 100_000 {
		entries.WriteString(message(4, message(1, i)))
	}
	for _, c := range []struct {
		name, value string
		id          uint32
	}{
		{"protobuf: empty messages", strings.Repeat(message(1, ""), 480_000), 1},
		{"protobuf: messages of defaults", strings.Repeat(message(2, ""), 480_000), 1},
		{"protobuf: packed numbers", message(3, strings.Repeat("\x01", 3_000_000)), 1},
		{"protobuf: entries of a map", strings.Repeat(message(4, ""), 480_000), 1},
		{"protobuf: the same entry", strings.Repeat(message(4, message(1, 1, 2, "")), 200_000), 1},
		{"protobuf: entries without their values", entries.String(), 1},
		{"protobuf: decimals of many digits", strings.Repeat(message(9, message(1, "\x01", 3, 1024)), 60_000), 1},
		{"avro: decimals of many digits", long(1_000_000) + strings.Repeat(long(0), 1_000_000) + long(0), 4},
		{"protobuf: a list of any values", message(5, list), 1},
		{"protobuf: messages in any", anyOf("wide.Wide", strings.Repeat(message(2, ""), 400_000)), 1},
		{"protobuf: any in any", deep, 1},
		{"protobuf: in a message", message(7, strings.Repeat(message(1, ""), 480_000)), 1},
		{"protobuf: texts", strings.Repeat(message(8, ""), 2_000_000), 1},
		// The end of each is looked for through all of those within it.
		{"protobuf: groups in groups", strings.Repeat("\x3b", 190) + strings.Repeat("\x18\x01", 400_000) + strings.Repeat("\x3c", 190), 3},
		{"avro: lists of nothing", long(40) + strings.Repeat(long(60_000)+long(0), 40) + long(0) + long(0) + long(0), 2},
		{"avro: empty lists", long(1_200_000) + strings.Repeat(long(0), 1_200_000) + long(0) + long(0) + long(0), 2},
		{"avro: records of nothing", long(0) + long(300_000) + strings.Repeat(long(0)+long(0), 300_000) + long(0) + long(0), 2},
		{"avro: a referenced type", long(0) + long(20) + strings.Repeat(long(0)+long(1)+long(60_000)+long(0), 20) + long(0) + long(0), 2},
		{"avro: maps", long(0) + long(0) + long(300_000) + strings.Repeat(long(1)+"a"+long(0), 300_000) + long(0), 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			value := frame(c.id, c.value)
			if c.id%2 != 0 {
				value = frame(c.id, "\x00"+c.value)
			}
			n, err := allocated(t, d, value)
			if !errors.Is(err, belfry.ErrTooLarge) {
				t.Errorf("got %v, want it set aside as too large", err)
			}
			if n > 80<<20 {
				t.Errorf("%d bytes of value became %d MiB, want at most 80", len(value), n>>20)
			}
		})
	}
}

// An honest list passes, up to as many people as a rule may name.
func TestLongListsAreDecoded(t *testing.T) {
	r := newRegistry(t)
	r.put(t, "/schemas/ids/1", "PROTOBUF", wideProto)
	r.put(t, "/schemas/ids/2", "", `{"type":"record","name":"Members","fields":[{"name":"ids","type":{"type":"array","items":"string"}}]}`)
	d := r.decoder()
	for name, value := range map[string][]byte{
		"protobuf": frame(1, "\x00"+strings.Repeat(message(8, "member-1"), 100_000)),
		"avro":     frame(2, string(binary.AppendVarint(nil, 100_000))+strings.Repeat("\x10member-1", 100_000)+"\x00"),
		"json":     []byte(`{"ids":[` + strings.TrimSuffix(strings.Repeat(`{"id":"member-1"},`, 100_000), ",") + `]}`),
	} {
		t.Run(name, func(t *testing.T) {
			if n, err := allocated(t, d, value); err != nil || n > 128<<20 {
				t.Errorf("got %v and %d MiB", err, n>>20)
			} else {
				t.Logf("%d KB became %d MiB", len(value)>>10, n>>20)
			}
		})
	}
}

// TestDeepValuesAreRefused holds that values nested by the hundred thousand are letters:
// a stack that overflows ends a Go program, and no recover helps.
func TestDeepValuesAreRefused(t *testing.T) {
	r := newRegistry(t)
	r.put(t, "/schemas/ids/1", "", `{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}`)
	r.put(t, "/schemas/ids/2", "PROTOBUF", `syntax = "proto2"; message G { optional group Inner = 1 { optional G g = 2; optional group Again = 3 { optional G h = 4; } } }`)
	d := r.decoder()
	for name, value := range map[string][]byte{
		"avro":     frame(1, strings.Repeat("\x02", 900_000)+"\x00"),
		"protobuf": frame(2, "\x00"+strings.Repeat("\x0b\x1b", 400_000)+strings.Repeat("\x1c\x0c", 400_000)),
		"json":     []byte(strings.Repeat("[", 900_000) + strings.Repeat("]", 900_000)),
	} {
		if _, err := d.Decode(t.Context(), sources.Record{Value: value}); !errors.Is(err, belfry.ErrInvalid) {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
}

// A record of some KB that a schema makes many MiB of waits for its turn like a large one:
// of each partition one could be at work at a time.
func TestSmallRecordsThatBecomeMuchTakeTurns(t *testing.T) {
	r := newRegistry(t)
	r.put(t, "/schemas/ids/1", "PROTOBUF", wideProto)
	d := r.decoder()
	for name, c := range map[string]struct {
		entries int
		waits   bool
	}{"little": {100, false}, "much": {12_000, true}} {
		var value strings.Builder
		for i := range c.entries {
			value.WriteString(message(4, message(1, i)))
		}
		record := sources.Record{Value: frame(1, "\x00"+value.String())}
		if len(record.Value) > 64<<10 {
			t.Fatalf("%s is of %d bytes, no small record", name, len(record.Value))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		record.Turn = sources.NewTurns().For(ctx) // which it does not get
		if _, err := d.Decode(t.Context(), record); errors.Is(err, sources.ErrUnavailable) != c.waits {
			t.Errorf("%s: got %v, want it to wait for a turn: %t", name, err, c.waits)
		}
		record.Turn = sources.NewTurns().For(t.Context())
		if _, err := d.Decode(t.Context(), record); err != nil {
			t.Errorf("%s: got %v with nobody before it", name, err)
		}
		record.Turn.End()
	}
}
