package envelope_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

var (
	recordTime = time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	eventTime  = time.Date(2025, 12, 24, 18, 30, 0, 0, time.UTC)
	defaults   = belfry.Notification{ID: "topic/0/7", Source: "belfry.notifications", Time: recordTime}
)

func headers(pairs ...string) []sources.Header {
	var out []sources.Header
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, sources.Header{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return out
}

func binary(more ...string) []sources.Header {
	return headers(append([]string{"ce_specversion", "1.0", "ce_id", "e-1", "ce_source", "/billing", "ce_type", "order.paid"}, more...)...)
}

const attributes = `"specversion":"1.0","id":"e-1","source":"/billing","type":"order.paid"`

func notification(change func(*belfry.Notification)) belfry.Message {
	n := defaults
	n.Title = belfry.PlainText("안녕")
	if change != nil {
		change(&n)
	}
	return belfry.Message{Recipients: []string{"사용자-7"}, Notification: n}
}

func ofEvent(n *belfry.Notification) {
	n.ID, n.Source, n.Type = "e-1", "/billing", "order.paid"
}

func TestDecode(t *testing.T) {
	const plain = `{"recipient":"사용자-7","title":"안녕"}`
	tests := []struct {
		name, value string
		headers     []sources.Header
		want        belfry.Message
	}{
		{"defaults", plain, nil, notification(nil)},
		{"own fields before defaults", `{"recipient":"사용자-7","title":"안녕","id":"1","source":"s","type":"t","time":"2025-12-24T19:30:00+01:00","priority":"urgent","unknown":{"a":1}}`, nil,
			notification(func(n *belfry.Notification) {
				n.ID, n.Source, n.Type, n.Time, n.Priority = "1", "s", "t", eventTime, belfry.PriorityUrgent
			})},
		{"other headers mean nothing", plain, headers("id", "x", "content-type", "application/json", "ce_id", "x"), notification(nil)},
		{"retraction", `{"retract":true,"recipient":"a","id":"1"}`, nil,
			belfry.Message{Recipients: []string{"a"}, Retract: true, Retraction: belfry.Retraction{Source: defaults.Source, ID: "1"}}},
		{"retraction by collapse key", `{"retract":true,"recipients":["a","b"],"collapse_key":"c"}`, nil,
			belfry.Message{Recipients: []string{"a", "b"}, Retract: true, Retraction: belfry.Retraction{Source: defaults.Source, CollapseKey: "c"}}},
		{"structured by its type", `{` + attributes + `,"data":` + plain + `}`, headers("Content-Type", "application/cloudevents+json; charset=utf-8"), notification(ofEvent)},
		{"structured by its looks", `{` + attributes + `,"time":"2025-12-24T19:30:00+01:00","data":` + plain + `}`, nil,
			notification(func(n *belfry.Notification) { ofEvent(n); n.Time = eventTime })},
		{"structured in base64", `{` + attributes + `,"data_base64":"eyJyZWNpcGllbnQiOiLsgqzsmqnsnpAtNyIsInRpdGxlIjoi7JWI64WVIn0="}`, nil, notification(ofEvent)},
		{"subject for a recipient", `{` + attributes + `,"subject":"사용자-7","data":{"title":"안녕"}}`, nil, notification(ofEvent)},
		{"recipient beats subject", `{` + attributes + `,"subject":"nobody","data":` + plain + `}`, nil, notification(ofEvent)},
		{"data beats attributes", `{` + attributes + `,"data":{"recipient":"사용자-7","title":"안녕","id":"1","source":"s","type":"t"}}`, nil,
			notification(func(n *belfry.Notification) { n.ID, n.Source, n.Type = "1", "s", "t" })},
		{"binary", plain, binary("ce_time", "2025-12-24T18:30:00Z", "content-type", "application/json", "ce_extension", "x"),
			notification(func(n *belfry.Notification) { ofEvent(n); n.Time = eventTime })},
		{"binary with a subject", `{"title":"안녕"}`, binary("ce_subject", "사용자-7"), notification(ofEvent)},
		{"attributes in any order, twice, in capitals", plain, append(headers("CE_ID", "x"), binary("Content-Type", "text/json")...), notification(ofEvent)},
		{"times to the millisecond", plain, binary("ce_time", "2025-12-24T18:30:00.000999Z"),
			notification(func(n *belfry.Notification) { ofEvent(n); n.Time = eventTime })},
		{"binary retraction", `{"retract":true,"recipient":"a","id":"1"}`, binary(),
			belfry.Message{Recipients: []string{"a"}, Retract: true, Retraction: belfry.Retraction{Source: "/billing", ID: "1"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := envelope.ParseMessage([]byte(tt.value), tt.headers, defaults)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, tt.want)
			}
		})
	}
}

func TestDecodeErrorsNameTheField(t *testing.T) {
	tests := []struct {
		name, value string
		headers     []sources.Header
		field, says string
	}{
		{"not JSON", `hello`, nil, "", "not JSON"},
		{"no title", `{"recipient":"a"}`, nil, "title", ""},
		{"bad actor", `{"recipient":"a","title":"x","actor":{"avatar":"javascript:x"}}`, nil, "actor.avatar", ""},
		{"bad recipient of many", `{"recipients":["a","b/c"],"title":"x"}`, nil, "recipients[1]", "/"},
		{"no title in an event", `{` + attributes + `,"data":{"recipient":"a"}}`, nil, "data.title", ""},
		{"no recipient in an event", `{` + attributes + `,"data":{"title":"x"}}`, nil, "data.recipient", "is required"},
		{"bad subject", `{` + attributes + `,"subject":"a/b","data":{"title":"x"}}`, nil, "subject", "/"},
		{"bad recipient beside a subject", `{` + attributes + `,"subject":"a","data":{"recipient":"a/b","title":"x"}}`, nil, "data.recipient", "/"},
		{"bad time", `{}`, binary("ce_time", "yesterday"), "time", "RFC 3339"},
		{"time of long ago", `{}`, binary("ce_time", "1066-10-14T09:00:00Z"), "time", "1970"},
		{"data of another type", `x`, binary("content-type", "text/plain"), "datacontenttype", "JSON"},
		{"no data", `{` + attributes + `}`, nil, "data", ""},
		{"data that is no object", `{` + attributes + `,"data":"x"}`, nil, "data", "must be a JSON object"},
		{"binary data that is not JSON", `x`, binary(), "data", "not JSON"},
		{"event without id", `{"specversion":"1.0","source":"/s","type":"t","data":{}}`, nil, "id", ""},
		{"event without type", `{}`, headers("ce_specversion", "1.0", "ce_id", "1", "ce_source", "/s"), "type", ""},
		{"structured of an unknown version", `{"specversion":"2.0","id":"1","source":"/s","type":"t","data":{}}`, nil, "specversion", "1.0"},
		{"binary of an unknown version", `{}`, headers("ce_specversion", "2.0", "ce_id", "1", "ce_source", "/s", "ce_type", "t"), "specversion", "1.0"},
		{"said to be an event", `hello`, headers("content-type", "application/cloudevents+json"), "", "CloudEvent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			message, err := envelope.ParseMessage([]byte(tt.value), tt.headers, defaults)
			var fe *belfry.FieldError
			if !errors.As(err, &fe) || !errors.Is(err, belfry.ErrInvalid) {
				t.Fatalf("got %+v, %v, want an input error", message, err)
			}
			if fe.Field != tt.field || !strings.Contains(fe.Problem, tt.says) {
				t.Errorf("error %q of field %q, want field %q and %q", err, fe.Field, tt.field, tt.says)
			}
		})
	}
}

func TestItemsOfAnEventAreBounded(t *testing.T) {
	value := `{` + attributes + `,"data":{"recipient":"a","title":"x","body":"` + strings.Repeat("x", belfry.MaxItemBytes) + `"}}`
	if _, err := envelope.ParseMessage([]byte(value), nil, defaults); !errors.Is(err, belfry.ErrTooLarge) {
		t.Errorf("got %v, want one that matches ErrTooLarge", err)
	}
}

// No input panics; a message that is taken is sound, and an error is the
// sender's.
func FuzzDecode(f *testing.F) {
	for _, seed := range []struct{ value, version, contentType, eventTime string }{
		{`{"recipient":"a","title":{"en":"x","ko":"안녕"},"data":{"a":[1]}}`, "", "", ""},
		{`{"recipients":["a","b","a"],"retract":true,"collapse_key":"c"}`, "", "", ""},
		{`{` + attributes + `,"subject":"a","data":{"title":"x"}}`, "", "application/cloudevents+json", ""},
		{`{` + attributes + `,"data_base64":"e30="}`, "", "", ""},
		{`{"recipient":"a","title":"x"}`, "1.0", "application/json", "2026-01-31T09:00:00Z"},
		{`{"recipient":"a","title":"x"}`, "2.0", "", "0000-01-01T00:00:00Z"},
	} {
		f.Add([]byte(seed.value), seed.version, seed.contentType, seed.eventTime)
	}
	f.Fuzz(func(t *testing.T, value []byte, version, contentType, at string) {
		var h []sources.Header
		if version != "" {
			h = headers("ce_specversion", version, "ce_id", "1", "ce_source", "/s", "ce_type", "t", "ce_time", at)
		}
		if contentType != "" {
			h = append(h, headers("content-type", contentType)...)
		}
		message, err := envelope.ParseMessage(value, h, defaults)
		if err != nil {
			if !errors.Is(err, belfry.ErrInvalid) {
				t.Errorf("error %v is not the sender's", err)
			}
			return
		}
		if len(message.Recipients) == 0 || message.Retract && !reflect.DeepEqual(message.Notification, belfry.Notification{}) || !message.Retract && message.Retraction != (belfry.Retraction{}) {
			t.Errorf("got %+v, want one of the two for at least one recipient", message)
		}
		for _, recipient := range message.Recipients {
			n, r := message.Notification, message.Retraction
			n.Recipient, r.Recipient = recipient, recipient
			if message.Retract {
				if err := r.Check(); err != nil {
					t.Errorf("took %+v: %v", r, err)
				}
				continue
			}
			if err := n.Check(); err != nil {
				t.Errorf("took %+v: %v", n, err)
			}
			if _, err := json.Marshal(&n); err != nil {
				t.Errorf("took what cannot be written: %v", err)
			}
		}
	})
}
