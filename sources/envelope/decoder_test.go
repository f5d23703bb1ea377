package envelope_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

type object = map[string]any

func seoul(t testing.TB) *time.Location {
	t.Helper()
	return time.FixedZone("Asia/Seoul", 9*60*60)
}

var order = object{"orderId": int64(4711), "total": json.Number("12.50")}

const orderText = `{"orderId":4711,"total":12.50}`

func TestDecoder(t *testing.T) {
	ce := func(more ...string) map[string]string {
		out := map[string]string{"specversion": "1.0", "id": "e-1", "source": "/billing", "type": "order.paid"}
		for i := 0; i < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	event := func(v any, a map[string]string) sources.Event {
		e := sources.Event{Value: v, ID: "e-1", Source: "/billing", Type: "order.paid", Attributes: a, Subject: a["subject"]}
		if a["time"] != "" {
			e.Time = eventTime
		}
		return e
	}
	tests := []struct {
		name, value string
		headers     []sources.Header
		want        []sources.Event
	}{
		{"JSON", orderText, nil, []sources.Event{{Value: order}}},
		{"JSON with a byte order mark and blanks", "\ufeff " + orderText + "\r\n", nil, []sources.Event{{Value: order}}},
		{"a text", `"hello"`, nil, []sources.Event{{Value: "hello"}}},
		{"a number", `1000000`, nil, []sources.Event{{Value: int64(1000000)}}},
		{"JSON in a text", `"{\"orderId\":4711,\"total\":12.50}"`, nil, []sources.Event{{Value: order}}},
		{"a list in a text", `"[1]"`, nil, []sources.Event{{Value: int64(1)}}},
		{"JSON in a text in a text", `"\"{\\\"a\\\":1}\""`, nil, []sources.Event{{Value: object{"a": int64(1)}}}},
		{"a text that differs by half a surrogate pair", `["\ud800","\ud801","\ufffd"]`, nil, []sources.Event{{Value: "\xed\xa0\x80"}, {Value: "\xed\xa0\x81", Index: 1}, {Value: "\ufffd", Index: 2}}},
		{"a text that only begins like JSON", `"{name}"`, nil, []sources.Event{{Value: "{name}"}}},
		{"a text in quotes", `"\"hello\""`, nil, []sources.Event{{Value: `"hello"`}}},
		{"a list", `[{"a":1},[2],"{\"b\":3}",null]`, headers("type", "t"), []sources.Event{
			{Value: object{"a": int64(1)}, Type: "t"}, {Value: []any{int64(2)}, Type: "t", Index: 1}, {Value: object{"b": int64(3)}, Type: "t", Index: 2}, {Type: "t", Index: 3}}},
		{"an empty list", `[]`, nil, []sources.Event{}},

		{"Spring", orderText, headers("__TypeId__", "com.example.orders.OrderCreated", "spring_json_header_types", `{"a":"b"}`), []sources.Event{{Value: order, Type: "com.example.orders.OrderCreated"}}},
		{"Spring, the type named, in any order", orderText, headers("__TypeId__", "com.example.Envelope", "eventType", "ORDER_CREATED", "type", "x"), []sources.Event{{Value: order, Type: "ORDER_CREATED"}}},
		{"Spring, another name for the type", orderText, headers("type", "order", "__TypeId__", "com.example.Envelope"), []sources.Event{{Value: order, Type: "order"}}},
		{"the last header counts", orderText, headers("id", "1", "id", "2", "eventType", "a", "aggregateId", "7"), []sources.Event{{Value: order, Type: "a", ID: "2"}}},
		{"a header id of others", orderText, headers("id", "tenant-7", "eventType", "a"), []sources.Event{{Value: order, Type: "a"}}},
		{"a header id of others, in a text", orderText, headers("id", outboxID, "type", "a", "__TypeId__", "b"), []sources.Event{{Value: order, Type: "a"}}},
		{"headers that are no text", orderText, headers("id", "\xff", "type", "\xfe", "content-type", "\xff"), []sources.Event{{Value: order}}},

		{"structured", `{` + attributes + `,"subject":"4711","time":"2025-12-24T19:30:00+01:00","tenant":7,"test":true,"none":null,"data":` + orderText + `}`,
			headers("content-type", "Application/CloudEvents+JSON; charset=UTF-8", "__TypeId__", "x", "id", "y"),
			[]sources.Event{event(order, ce("subject", "4711", "time", "2025-12-24T19:30:00+01:00", "tenant", "7", "test", "true"))}},
		{"structured by its looks", `{` + attributes + `,"data":` + orderText + `}`, nil, []sources.Event{event(order, ce())}},
		{"structured without data", `{` + attributes + `}`, nil, []sources.Event{event(nil, ce())}},
		{"structured in a text", `"{\"specversion\":\"1.0\",\"id\":\"e-1\",\"source\":\"/billing\",\"type\":\"order.paid\",\"data\":1}"`, nil, []sources.Event{event(int64(1), ce())}},
		{"structured with JSON in a text", `{` + attributes + `,"data":"{\"a\":1}"}`, nil, []sources.Event{event(object{"a": int64(1)}, ce())}},
		{"structured with a text", `{` + attributes + `,"datacontenttype":"text/plain","data":"hello"}`, nil, []sources.Event{event("hello", ce("datacontenttype", "text/plain"))}},
		{"structured with base64", `{` + attributes + `,"data_base64":"eyJhIjoxfQ=="}`, nil, []sources.Event{event(object{"a": int64(1)}, ce())}},
		{"structured with a text in base64", `{` + attributes + `,"datacontenttype":"text/xml","data_base64":"PGEvPg=="}`, nil, []sources.Event{event("<a/>", ce("datacontenttype", "text/xml"))}},
		{"a batch", `[{` + attributes + `,"data":1},{` + attributes + `,"data":[2]}]`, headers("content-type", "application/cloudevents-batch+json"),
			[]sources.Event{event(int64(1), ce()), func() sources.Event { e := event([]any{int64(2)}, ce()); e.Index = 1; return e }()}},
		{"binary", orderText, binary("ce_time", "2025-12-24T18:30:00Z", "ce_Tenant", "한", "content-type", "application/json", "eventType", "x", "id", "y"),
			[]sources.Event{event(order, ce("time", "2025-12-24T18:30:00Z", "tenant", "한", "datacontenttype", "application/json"))}},
		{"binary without zone", orderText, binary("ce_time", "2025-12-25T03:30:00"), []sources.Event{event(order, ce("time", "2025-12-25T03:30:00"))}},
		{"binary without data", "", binary(), []sources.Event{event(nil, ce())}},
		{"binary with null", "null", binary(), []sources.Event{event(nil, ce())}},
		{"binary text", "hello", binary("content-type", "text/plain; charset=utf-8"), []sources.Event{event("hello", ce("datacontenttype", "text/plain; charset=utf-8"))}},
		{"binary list", `[1,2]`, binary(), []sources.Event{event(int64(1), ce()), func() sources.Event { e := event(int64(2), ce()); e.ID, e.Index = "e-1/1", 1; return e }()}},
		{"binary, data that looks like an event", `{"specversion":"1.0"}`, binary(), []sources.Event{event(object{"specversion": "1.0"}, ce())}},

		{"JSON Schema in a frame", "\x00\x00\x00\x00\x07" + orderText, headers("type", "t"), []sources.Event{{Value: order, Type: "t"}}},
		{"JSON Schema by a header's number", orderText, headers("__value_schema_id", "\x00\x00\x00\x00\x07"), []sources.Event{{Value: order}}},
		{"JSON Schema by a header's UUID", orderText, headers("__value_schema_id", "\x01"+"0123456789abcdef"), []sources.Event{{Value: order}}},
		{"a frame in a binary event", "\x00\x00\x00\x00\x07" + orderText, binary("content-type", "application/octet-stream"), []sources.Event{event(order, ce("datacontenttype", "application/octet-stream"))}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := envelope.NewDecoder(envelope.Config{Location: seoul(t)})
			got, err := d.Decode(t.Context(), sources.Record{Value: []byte(tt.value), Headers: tt.headers})
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %#v\nwant %#v", got, tt.want)
			}
		})
	}
}

// TestDecoderReadsOnWithoutATime holds that a time that cannot be read does not cost
// the event.
func TestDecoderReadsOnWithoutATime(t *testing.T) {
	for _, at := range []string{"soon", "1066-10-14T09:00:00Z"} {
		events, err := envelope.NewDecoder(envelope.Config{}).Decode(t.Context(), sources.Record{Value: []byte(`{` + attributes + `,"time":"` + at + `","data":{}}`)})
		if err != nil || len(events) != 1 || !events[0].Time.IsZero() || events[0].TimeErr == nil || !strings.HasPrefix(events[0].TimeErr.Error(), "time: must be") {
			t.Errorf("%s: got %+v, %v, want an event that says why it has no time", at, events, err)
		}
	}
}

func TestDecoderRefuses(t *testing.T) {
	tests := []struct {
		name, value string
		headers     []sources.Header
		want        string
	}{
		{"no bytes", "", nil, "no bytes"},
		{"null", " null ", nil, "is null"},
		{"null behind a byte order mark", "\ufeffnull", nil, "is null"},
		{"null in an envelope", `{"schema":null,"payload":null}`, nil, "is null"},
		{"null in an envelope with a schema", `{"schema":{"type":"string","optional":true},"payload":null}`, nil, "is null"},
		{"null in a frame", "\x00\x00\x00\x00\x07null", nil, "is null"},
		{"a structured event without bytes", "", headers("content-type", "application/cloudevents+json"), "no bytes"},
		{"plain text", "hello", nil, "must be JSON: 'h'"},
		{"other bytes", "\x02\x04\x10abc", nil, "not other bytes"},
		{"Java's serialization", "\xac\xed\x00\x05sr", nil, "must be JSON"},
		{"half an object", `{"a":1`, nil, "it ends"},
		{"too large", strings.Repeat(" ", envelope.MaxValueBytes) + "1", nil, "at most 8388608 bytes"},
		{"too many events", "[" + strings.Repeat("1,", envelope.MaxEvents) + "1]", nil, "at most 10000 events"},
		{"half a frame", "\x00\x00\x00", nil, "5 bytes"},
		{"a frame without a registry", "\x00\x00\x00\x01\x02\x04ab", nil, "schema 258 of a registry"},
		{"a header without a registry", "\x04ab", headers("__value_schema_id", "\x01\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"), "schema 01234567-89ab-cdef-0123-456789abcdef of"},
		{"a header of other bytes", orderText, headers("__value_schema_id", "7"), "1 other bytes"},
		{"an attribute that is not UTF-8", orderText, binary("ce_id", "\xff"), "id: must be UTF-8"},
		{"an attribute with two values", orderText, binary("ce_id", "1", "CE_id", "2"), "id: must stand once"},
		{"an attribute twice", `{` + attributes + `,"id":"e-2"}`, nil, "id: must stand once"},
		{"an attribute twice, in a batch", `[{` + attributes + `},{` + attributes + `,"\u0074ype":"x"}]`, nil, "[1].type: must stand once"},
		{"data twice", `{"data":{"recipient":"a"},` + attributes + `,"data":{"recipient":"b"}}`, nil, "data: must stand once"},
		{"no version", `{"id":"1"}`, headers("content-type", "application/cloudevents+json"), "specversion: must be"},
		{"no object", `1`, headers("content-type", "application/cloudevents+json"), "specversion: must be"},
		{"another version", `{"specversion":"0.3","id":"1"}`, nil, `specversion: must be "1.0"`},
		{"no id", `{"specversion":"1.0","source":"s","type":"t"}`, nil, "id: is required"},
		{"no source", orderText, headers("ce_specversion", "1.0", "ce_id", "1", "ce_type", "t"), "source: is required"},
		{"an attribute that is a list", `{` + attributes + `,"subject":[]}`, nil, "subject: must be a text"},
		{"a batch of something else", `[{"a":1}]`, headers("content-type", "application/cloudevents-batch+json"), "[0].specversion: must be"},
		{"a batch of one", `{` + attributes + `}`, headers("content-type", "application/cloudevents-batch+json"), "a list of CloudEvents"},
		{"another event format", "x", headers("content-type", "application/cloudevents+protobuf"), "in JSON"},
		{"an event in a list", `[{` + attributes + `},{"specversion":"1.0"}]`, nil, "[1].id: is required"},
		{"data twice", `{` + attributes + `,"data":1,"data_base64":"MQ=="}`, nil, "data_base64: must be a text, and the only data"},
		{"no base64", `{` + attributes + `,"data_base64":"*"}`, nil, "data_base64: must be base64"},
		{"base64 of no JSON", `{` + attributes + `,"data_base64":"eA=="}`, nil, "data_base64: must be JSON"},
		{"binary of no JSON", "x", binary(), "data: must be JSON"},
		{"binary of another type", "x", binary("content-type", "image/png"), "data: must be JSON or text"},
		{"binary of a type that is none", "x", binary("content-type", ";"), "data: must be of a content type"},
		{"text that is not UTF-8", "\xff", binary("content-type", "text/plain"), "data: must be UTF-8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := envelope.NewDecoder(envelope.Config{}).Decode(t.Context(), sources.Record{Value: []byte(tt.value), Headers: tt.headers})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, %v, want %q in the error", got, err, tt.want)
			}
			if !errors.Is(err, belfry.ErrInvalid) && !errors.Is(err, belfry.ErrEmpty) && !errors.Is(err, belfry.ErrTombstone) {
				t.Errorf("error %v is not the sender's", err)
			}
		})
	}
}

// FuzzDecoder holds that nothing panics, that errors are the sender's, and that
// a record gives the same events each time, which its ids depend on.
func FuzzDecoder(f *testing.F) {
	for _, seed := range [][3]string{
		{orderJSON, "__TypeId__", "a.B"}, {`{` + attributes + `,"data":[1]}`, "content-type", "application/cloudevents+json"},
		{"\x00\x00\x00\x00\x01{}", "id", `"1"`}, {`"{\"schema\":null,\"payload\":\"[\\\"{}\\\"]\"}"`, "ce_id", "1"},
		{`{"op":"c","source":{"connector":"x"},"ts_ms":1}`, "id", `{"schema":null,"payload":"1"}`}, {"1", "__value_schema_id", "\x01"},
	} {
		f.Add([]byte(seed[0]), seed[1], []byte(seed[2]))
	}
	d := envelope.NewDecoder(envelope.Config{})
	f.Fuzz(func(t *testing.T, value []byte, header string, headerValue []byte) {
		r := sources.Record{Value: value, Headers: append(binary()[:1], sources.Header{Key: header, Value: headerValue})}
		if len(value)%2 == 0 {
			r.Headers = r.Headers[1:]
		}
		before := fmt.Sprintf("%+v", r)
		got, err := d.Decode(t.Context(), r)
		if err != nil && !errors.Is(err, belfry.ErrInvalid) && !errors.Is(err, belfry.ErrEmpty) && !errors.Is(err, belfry.ErrTombstone) {
			t.Fatalf("error %v is not the sender's", err)
		}
		for i, e := range got {
			if e.Index != i {
				t.Errorf("event %d has index %d", i, e.Index)
			}
			if _, err := json.Marshal(e.Value); err != nil {
				t.Errorf("a value that is no JSON: %v", err)
			}
		}
		if again, _ := d.Decode(t.Context(), r); !reflect.DeepEqual(got, again) {
			t.Errorf("got %#v, then %#v", got, again)
		}
		if after := fmt.Sprintf("%+v", r); after != before {
			t.Errorf("the record was changed")
		}
	})
}

func BenchmarkDecoder(b *testing.B) {
	d := envelope.NewDecoder(envelope.Config{})
	r := sources.Record{Value: []byte(orderJSON), Headers: headers("__TypeId__", "com.example.orders.OrderCreated", "traceparent", "00-0-0-01")}
	b.SetBytes(int64(len(orderJSON)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Decode(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
