package schema_test

import (
	wire "encoding/binary"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/avro"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/schema"
)

// registry is a schema registry with the answers of Confluent's REST API, by
// path.
type registry struct {
	URL string

	mu      sync.Mutex
	answers map[string]string
	status  int // of all answers, if not 0
	asked   []string
	auth    string // of the last request
}

func newRegistry(t testing.TB) *registry {
	t.Helper()
	r := &registry{answers: map[string]string{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

func (r *registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, q.URL.EscapedPath())
	r.auth = q.Header.Get("Authorization")
	answer, ok := r.answers[q.URL.EscapedPath()]
	switch {
	case r.status != 0:
		w.WriteHeader(r.status)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"error_code":40403,"message":"Schema not found"}`))
	default:
		_, _ = w.Write([]byte(answer))
	}
}

// put has the registry answer with a schema; an empty kind is Avro, as there.
func (r *registry) put(t testing.TB, path, kind, text string, references ...map[string]any) {
	t.Helper()
	body := map[string]any{"schema": text}
	if kind != "" {
		body["schemaType"] = kind
	}
	if len(references) > 0 {
		body["references"] = references
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[path] = string(encoded)
}

func (r *registry) set(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

func (r *registry) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.asked...)
}

func (r *registry) decoder() *envelope.Decoder {
	return decoderOf(schema.Config{URL: r.URL})
}

func decoderOf(c schema.Config) *envelope.Decoder {
	return envelope.NewDecoder(envelope.Config{Schemas: schema.NewRegistry(c)})
}

func reference(name, subject string, version int) map[string]any {
	return map[string]any{"name": name, "subject": subject, "version": version}
}

// frame puts a schema's id before a payload.
type object = map[string]any

const orderText = `{"orderId":4711,"total":12.50}`

func frame(id uint32, payload string) []byte {
	return append(wire.BigEndian.AppendUint32([]byte{0}, id), payload...)
}

func decodeOne(t *testing.T, d *envelope.Decoder, value []byte, h ...sources.Header) sources.Event {
	t.Helper()
	got, err := d.Decode(t.Context(), sources.Record{Value: value, Headers: h})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 {
		t.Fatalf("got %d events", len(got))
	}
	return got[0]
}

const orderAvro = `{"type":"record","name":"OrderCreated","namespace":"shop","fields":[
	{"name":"id","type":"long"},{"name":"count","type":"int"},{"name":"note","type":["null","string"]},{"name":"gift","type":["null","string"]},
	{"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","PAID"]}},
	{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"}]}}},
	{"name":"tags","type":{"type":"map","values":"string"}},{"name":"raw","type":"bytes"},{"name":"paid","type":"boolean"},
	{"name":"ratio","type":"double"},{"name":"share","type":"float"},
	{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"exact","type":["null",{"type":"long","logicalType":"timestamp-micros"}]},
	{"name":"local","type":{"type":"long","logicalType":"local-timestamp-millis"}},
	{"name":"day","type":{"type":"int","logicalType":"date"}},{"name":"clock","type":{"type":"int","logicalType":"time-millis"}},
	{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}},
	{"name":"debt","type":{"type":"fixed","name":"Debt","size":4,"logicalType":"decimal","precision":9,"scale":3}},
	{"name":"uuid","type":{"type":"string","logicalType":"uuid"}},{"name":"guid","type":{"type":"fixed","name":"Guid","size":16,"logicalType":"uuid"}},
	{"name":"span","type":{"type":"fixed","name":"Span","size":12,"logicalType":"duration"}}]}`

func TestDecoderReadsAvro(t *testing.T) {
	r := newRegistry(t)
	r.put(t, "/schemas/ids/258", "", orderAvro)
	// By hand, as https://avro.apache.org/docs/1.12.0/specification/#binary-encoding has it.
	var b []byte
	long := func(n int64) { b = wire.AppendVarint(b, n) }
	text := func(s string) { long(int64(len(s))); b = append(b, s...) }
	long(1000000)
	long(-3)
	long(1)
	text("선물")
	long(0)
	long(1)
	long(2)
	text("a")
	text("b")
	long(0)
	long(1)
	text("k")
	text("v")
	long(0)
	text("\x01\xff")
	b = append(b, 1)
	b = append(b, 0, 0, 0, 0, 0x80, 0x84, 0x2e, 0x41) // 1000000.0
	b = append(b, 0, 0, 0, 0x3e)                      // 0.125
	long(1785810600123)
	long(1)
	long(-1)
	long(1785810600123)
	long(20669)
	long(37800000)
	text("\x04\xd2")                      // 1234
	b = append(b, 0xff, 0xff, 0xfb, 0x2e) // -1234
	text("06f8a7b5-0f2c-4c1d-9ddc-6a4f2dbd1d8a")
	b = append(b, "0123456789abcdef"...)
	b = append(b, 1, 0, 0, 0, 2, 0, 0, 0, 0xdc, 5, 0, 0)

	got := decodeOne(t, r.decoder(), frame(258, string(b)))
	want := sources.Event{Type: "shop.OrderCreated", Value: object{
		"id": int64(1000000), "count": int64(-3), "note": "선물", "gift": nil, "state": "PAID", "lines": []any{object{"sku": "a"}, object{"sku": "b"}},
		"tags": object{"k": "v"}, "raw": "Af8=", "paid": true, "ratio": int64(1000000), "share": json.Number("0.125"),
		"at": "2026-08-04T02:30:00.123Z", "exact": "1969-12-31T23:59:59.999999Z", "local": "2026-08-04T02:30:00.123", "day": "2026-08-04", "clock": "10:30:00",
		"price": json.Number("12.34"), "debt": json.Number("-1.234"), "uuid": "06f8a7b5-0f2c-4c1d-9ddc-6a4f2dbd1d8a", "guid": "30313233-3435-3637-3839-616263646566", "span": "P1M2DT1.500S",
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}

func TestDecoderReadsAvroWithReferences(t *testing.T) {
	r := newRegistry(t)
	r.put(t, "/schemas/guids/30313233-3435-3637-3839-616263646566", "AVRO", `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"buyer","type":"shop.User"},{"name":"city","type":"shop.City"}]}`,
		reference("shop.User", "users/value", 3), reference("shop.City", "city", 1))
	r.put(t, "/subjects/users%2Fvalue/versions/3", "", `{"type":"record","name":"User","namespace":"shop","fields":[{"name":"home","type":"shop.City"}]}`, reference("shop.City", "city", 1))
	r.put(t, "/subjects/city/versions/1", "", `{"type":"record","name":"City","namespace":"shop","fields":[{"name":"name","type":"string"}]}`)
	got := decodeOne(t, r.decoder(), []byte("\x02a\x02b"), sources.Header{Key: "__value_schema_id", Value: []byte("\x010123456789abcdef")}, sources.Header{Key: "__TypeId__", Value: []byte("named")})
	want := sources.Event{Type: "named", Value: object{"buyer": object{"home": object{"name": "a"}}, "city": object{"name": "b"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
}

// TestDecoderNamesTheBranchOfAnAvroUnion holds that a topic with several types of
// records (a union at the top) has each record's own name as its type.
func TestDecoderNamesTheBranchOfAnAvroUnion(t *testing.T) {
	r := newRegistry(t)
	r.put(t, "/schemas/ids/9", "AVRO", `["null",{"type":"record","name":"Made","namespace":"shop","fields":[{"name":"no","type":"string"}]},"shop.Paid","string"]`,
		reference("shop.Paid", "paid", 1))
	r.put(t, "/subjects/paid/versions/1", "", `{"type":"record","name":"Paid","namespace":"shop","fields":[{"name":"no","type":"string"}]}`)
	for body, want := range map[string]sources.Event{
		"\x02\x02a": {Type: "shop.Made", Value: object{"no": "a"}},
		"\x04\x02b": {Type: "shop.Paid", Value: object{"no": "b"}},
		"\x06\x02c": {Value: "c"},
	} {
		if got := decodeOne(t, r.decoder(), frame(9, body)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %#v, want %#v", body, got, want)
		}
	}
}

// TestDecoderTellsAvroFromJSON holds that a text in Avro is one, though its
// length looks like a blank before the JSON that it holds.
func TestDecoderTellsAvroFromJSON(t *testing.T) {
	r := newRegistry(t)
	r.put(t, "/schemas/ids/1", "", `{"type":"record","name":"R","fields":[{"name":"payload","type":"string"}]}`)
	r.put(t, "/schemas/ids/2", "JSON", `{}`)
	d := r.decoder()
	if got, want := decodeOne(t, d, frame(1, "\n[1,2]")).Value, (object{"payload": "[1,2]"}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := decodeOne(t, d, frame(2, "\n{}")).Value, (object{}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := r.requests(); len(got) != 2 {
		t.Errorf("asked for %q", got)
	}
}

// TestDecoderReadsWhatAvroWrites holds that the frame's payload is Avro's own:
// Debezium's Avro converter and Spring's serializer write the same bytes.
func TestDecoderReadsWhatAvroWrites(t *testing.T) {
	const schema = `{"type":"record","name":"Node","fields":[{"name":"n","type":"long"},{"name":"next","type":["null","Node"]}]}`
	r := newRegistry(t)
	r.put(t, "/schemas/ids/1", "AVRO", schema)
	b, err := avro.MustParse(schema).Encode(map[string]any{"n": 1, "next": map[string]any{"n": 2, "next": nil}})
	if err != nil {
		t.Fatal(err)
	}
	got := decodeOne(t, r.decoder(), frame(1, string(b)))
	if want := (object{"n": int64(1), "next": object{"n": int64(2), "next": nil}}); !reflect.DeepEqual(got.Value, want) {
		t.Errorf("got %#v, want %#v", got.Value, want)
	}
	// One level for each two bytes.
	if _, err := r.decoder().Decode(t.Context(), sources.Record{Value: frame(1, strings.Repeat("\x02\x02", 300)+"\x02\x00")}); err == nil || !strings.Contains(err.Error(), "levels") {
		t.Errorf("300 levels: %v", err)
	}
}

func TestDecoderRefusesAvro(t *testing.T) {
	r := newRegistry(t)
	r.put(t, "/schemas/ids/1", "", `"string"`)
	r.put(t, "/schemas/ids/2", "", `{"type":"record"}`)
	r.put(t, "/schemas/ids/3", "THRIFT", `struct`)
	r.put(t, "/schemas/ids/4", "", `{"type":"array","items":"null"}`)
	r.put(t, "/schemas/ids/5", "", `"gone.Type"`, reference("gone.Type", "gone", 1))
	r.put(t, "/schemas/ids/6", "JSON", `{}`)
	huge := string(wire.AppendVarint(nil, 1<<40)) + "\x00"
	for i, tt := range []struct {
		id            uint32
		payload, want string
	}{
		{1, "\x08ab", "must be what schema 1"},
		{1, "\x04abc", "1 bytes are left over"},
		{1, "\x04\xff\xff", "UTF-8"},
		{1, "", "must be what schema 1"},
		{2, "", "schema 2 of the registry cannot be used"},
		{3, "", "schema 3"},
		{4, huge, "must have fewer values"},
		{5, "", "Schema not found"},
		{6, "x", "must be JSON"},
		{7, "", "of schema 7 it says: Schema not found"},
		{1 << 31, "", "id below"},
	} {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			refused(t, r.decoder(), sources.Record{Value: frame(tt.id, tt.payload)}, tt.want)
		})
	}
}
