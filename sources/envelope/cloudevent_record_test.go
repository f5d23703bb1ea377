package envelope_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

// sdkEvent is an event as services make it with CloudEvents' own library
// (github.com/cloudevents/sdk-go/v2 v2.16.2), as it was recorded.
func sdkEvent(contentType, data string) string {
	return `{"specversion":"1.0","id":"e-1","source":"https://shop.example/orders","type":"order.created","subject":"4711","datacontenttype":"` + contentType +
		`","dataschema":"https://shop.example/schema.json","time":"2026-08-04T01:30:00.123Z",` + data + `,"partitionkey":"4711","tenant":7,"test":true}`
}

func TestDecoderReadsTheSDKsEvents(t *testing.T) {
	want := func(v any, contentType string) sources.Event {
		return sources.Event{
			Value: v, ID: "e-1", Source: "https://shop.example/orders", Type: "order.created", Subject: "4711", Time: time.Date(2026, 8, 4, 1, 30, 0, 123_000_000, time.UTC),
			Attributes: map[string]string{"specversion": "1.0", "id": "e-1", "source": "https://shop.example/orders", "type": "order.created", "subject": "4711", "time": "2026-08-04T01:30:00.123Z",
				"dataschema": "https://shop.example/schema.json", "datacontenttype": contentType, "tenant": "7", "test": "true", "partitionkey": "4711"},
		}
	}
	const data = `"data":{"lines":["a"],"orderId":4711}`
	value := object{"orderId": int64(4711), "lines": []any{"a"}}
	tests := []struct {
		name        string
		event       string
		contentType string
		want        []sources.Event
	}{
		{"JSON", sdkEvent("application/json", data), "application/cloudevents+json", []sources.Event{want(value, "application/json")}},
		{"text", sdkEvent("text/plain", `"data":"hello"`), "application/cloudevents+json", []sources.Event{want("hello", "text/plain")}},
		{"bytes", sdkEvent("application/json", `"data_base64":"eyJvcmRlcklkIjo0NzExLCJsaW5lcyI6WyJhIl19"`), "application/cloudevents+json", []sources.Event{want(value, "application/json")}},
		{"batch", "[" + sdkEvent("application/json", data) + "]", "application/cloudevents-batch+json; charset=utf-8", []sources.Event{want(value, "application/json")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, h := range [][]sources.Header{headers("content-type", tt.contentType), nil} {
				got, err := envelope.NewDecoder(envelope.Config{}).Decode(t.Context(), sources.Record{Value: []byte(tt.event), Headers: h})
				if err != nil {
					t.Fatalf("%s: %v", tt.event, err)
				}
				if !reflect.DeepEqual(got, tt.want) {
					t.Errorf("%s:\ngot  %#v\nwant %#v", tt.event, got, tt.want)
				}
			}
		})
	}
}

// TestAttributesAreBounded holds that the headers of one record do not become hundreds of
// megabytes of attributes.
func TestAttributesAreBounded(t *testing.T) {
	r := sources.Record{Value: []byte(`{}`), Headers: headers("ce_specversion", "1.0", "ce_id", "1", "ce_source", "/", "ce_type", "t")}
	for i := range 2000 {
		r.Headers = append(r.Headers, sources.Header{Key: fmt.Sprintf("ce_a%d", i)})
	}
	if got, err := envelope.NewDecoder(envelope.Config{}).Decode(t.Context(), r); !errors.Is(err, belfry.ErrTooLarge) {
		t.Errorf("2,004 attributes: %d events, %v", len(got), err)
	}
}
