package envelope_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

// sdkEvent is an event as services make it with CloudEvents' own library.
func sdkEvent(t *testing.T, contentType string, data any) event.Event {
	t.Helper()
	e := event.New()
	e.SetID("e-1")
	e.SetSource("https://shop.example/orders")
	e.SetType("order.created")
	e.SetSubject("4711")
	e.SetDataSchema("https://shop.example/schema.json")
	e.SetTime(time.Date(2026, 8, 4, 10, 30, 0, 123_000_000, time.FixedZone("", 9*60*60)))
	e.SetExtension("tenant", 7)
	e.SetExtension("test", true)
	e.SetExtension("partitionkey", "4711")
	if err := e.SetData(contentType, data); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestDecoderReadsTheSDKsEvents(t *testing.T) {
	want := func(v any, contentType string) sources.Event {
		return sources.Event{
			Value: v, ID: "e-1", Source: "https://shop.example/orders", Type: "order.created", Subject: "4711", Time: time.Date(2026, 8, 4, 1, 30, 0, 123_000_000, time.UTC),
			Attributes: map[string]string{"specversion": "1.0", "id": "e-1", "source": "https://shop.example/orders", "type": "order.created", "subject": "4711", "time": "2026-08-04T01:30:00.123Z",
				"dataschema": "https://shop.example/schema.json", "datacontenttype": contentType, "tenant": "7", "test": "true", "partitionkey": "4711"},
		}
	}
	data := map[string]any{"orderId": 4711, "lines": []string{"a"}}
	value := object{"orderId": int64(4711), "lines": []any{"a"}}
	tests := []struct {
		name        string
		event       any
		contentType string
		want        []sources.Event
	}{
		{"JSON", sdkEvent(t, "application/json", data), "application/cloudevents+json", []sources.Event{want(value, "application/json")}},
		{"text", sdkEvent(t, "text/plain", "hello"), "application/cloudevents+json", []sources.Event{want("hello", "text/plain")}},
		{"bytes", sdkEvent(t, "application/json", []byte(`{"orderId":4711,"lines":["a"]}`)), "application/cloudevents+json", []sources.Event{want(value, "application/json")}},
		{"batch", []event.Event{sdkEvent(t, "application/json", data)}, "application/cloudevents-batch+json; charset=utf-8", []sources.Event{want(value, "application/json")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			encoded, err := json.Marshal(tt.event)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range [][]sources.Header{headers("content-type", tt.contentType), nil} {
				got, err := envelope.NewDecoder(envelope.Config{}).Decode(t.Context(), sources.Record{Value: encoded, Headers: h})
				if err != nil {
					t.Fatalf("%s: %v", encoded, err)
				}
				if !reflect.DeepEqual(got, tt.want) {
					t.Errorf("%s:\ngot  %#v\nwant %#v", encoded, got, tt.want)
				}
			}
		})
	}
}
