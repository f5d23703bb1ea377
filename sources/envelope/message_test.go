package envelope_test

import (
	"context"
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

// messagesOf reads a record as the built-in source does.
func messagesOf(value []byte, headers []sources.Header) ([]belfry.Message, error) {
	r := sources.Record{Topic: defaults.Source, Value: value, Headers: headers}
	return envelope.NewDecoder(envelope.Config{}).Messages(context.Background(), r, defaults, belfry.ParseMessage)
}

func TestMessages(t *testing.T) {
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
		{"behind a byte order mark", "\ufeff" + plain, nil, notification(nil)},
		{"in a text", `"{\"recipient\":\"사용자-7\",\"title\":\"안녕\"}"`, nil, notification(nil)},
		{"in Connect's envelope", `{"schema":{"type":"struct"},"payload":` + plain + `}`, nil, notification(nil)},
		{"in a text in Connect's envelope", `{"schema":{"type":"string"},"payload":"{\"recipient\":\"사용자-7\",\"title\":\"안녕\"}"}`, nil, notification(nil)},
		{"in a frame", "\x00\x00\x00\x00\x07" + plain, nil, notification(nil)},
		{"an outbox's record", plain, headers("id", outboxID, "eventType", "x"), notification(func(n *belfry.Notification) { n.ID = outboxID })},
		{"structured in a text", `"{\"specversion\":\"1.0\",\"id\":\"e-1\",\"source\":\"/billing\",\"type\":\"order.paid\",\"data\":{\"recipient\":\"사용자-7\",\"title\":\"안녕\"}}"`, nil, notification(ofEvent)},
		{"structured behind a byte order mark", "\ufeff{" + attributes + `,"data":` + plain + `}`, nil, notification(ofEvent)},
		{"binary, as Spring writes it", plain, headers("ce-specversion", "1.0", "ce-id", "e-1", "ce-source", "/billing", "ce-type", "order.paid"), notification(ofEvent)},
		{"binary, over a bridge of AMQP", plain, headers("cloudEvents:specversion", "1.0", "cloudEvents:id", "e-1", "cloudEvents:source", "/billing", "cloudEvents:type", "order.paid"), notification(ofEvent)},
		{"binary, over a bridge of JMS", plain, headers("cloudEvents_specversion", "1.0", "cloudEvents_id", "e-1", "cloudEvents_source", "/billing", "cloudEvents_type", "order.paid"), notification(ofEvent)},
		{"binary, the binding's prefix first", plain, append(binary(), headers("ce-id", "x", "cloudEvents:id", "y")...), notification(ofEvent)},
		{"binary, headers of Connect", plain, headers("ce_specversion", `"1.0"`, "ce_id", `{"schema":{"type":"string"},"payload":"e-1"}`, "ce_source", `"/billing"`, "ce_type", `"order.paid"`), notification(ofEvent)},
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
		{"attributes in any order, twice, in capitals", plain, append(headers("CE_ID", "e-1"), binary("Content-Type", "text/json")...), notification(ofEvent)},
		{"times to the millisecond", plain, binary("ce_time", "2025-12-24T18:30:00.000999Z"),
			notification(func(n *belfry.Notification) { ofEvent(n); n.Time = eventTime })},
		{"binary retraction", `{"retract":true,"recipient":"a","id":"1"}`, binary(),
			belfry.Message{Recipients: []string{"a"}, Retract: true, Retraction: belfry.Retraction{Source: "/billing", ID: "1"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := messagesOf([]byte(tt.value), tt.headers)
			if want := []belfry.Message{tt.want}; err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, want)
			}
		})
	}
}

// TestMessagesOfAList holds that a batch is as many messages as it has events: each
// with its own id, and those without one kept apart.
func TestMessagesOfAList(t *testing.T) {
	const event = `{"specversion":"1.0","id":"%s","source":"/shop","type":"made","data":{"recipient":"kim","title":"x"}}`
	ids := func(t *testing.T, value string, headers ...sources.Header) (ids []string) {
		t.Helper()
		got, err := messagesOf([]byte(value), headers)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			ids = append(ids, m.Notification.ID)
		}
		return ids
	}
	both := "[" + fmt.Sprintf(event, "e1") + "," + fmt.Sprintf(event, "e2") + "]"
	quoted, _ := json.Marshal(both)
	for name, tt := range map[string]struct {
		value string
		head  []sources.Header
		want  []string
	}{
		"a batch by its type":  {both, headers("content-type", "application/cloudevents-batch+json"), []string{"e1", "e2"}},
		"a batch by its looks": {both, nil, []string{"e1", "e2"}},
		"one in a batch":       {"[" + fmt.Sprintf(event, "e2") + "]", nil, []string{"e2"}},
		"a batch in a text":    {string(quoted), nil, []string{"e1", "e2"}},
		"a batch of Connect":   {`{"schema":null,"payload":` + both + `}`, nil, []string{"e1", "e2"}},
		"a list":               {`[{"recipient":"kim","title":"x"},{"recipient":"kim","title":"x","id":"own"}]`, nil, []string{"topic/0/7/0", "own"}},
		"an empty list":        {`[]`, nil, nil},
		"data that is a list":  {`{"specversion":"1.0","id":"e","source":"/s","type":"t","subject":"kim","data":[{"title":"x"},{"title":"y"}]}`, nil, []string{"e", "e/1"}},
	} {
		if got := ids(t, tt.value, tt.head...); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got ids %q, want %q", name, got, tt.want)
		}
	}
	for value, want := range map[string]string{
		`[{"recipient":"kim","title":"x"},{"recipient":"kim"}]`:                          "[1].title",
		"[" + fmt.Sprintf(event, "") + "]":                                               "[0].id",
		`[{"specversion":"1.0","id":"e","source":"/s","type":"t","data":{"title":"x"}}]`: "[0].data.recipient",
		`[null]`: "[0]",
		`{"specversion":"1.0","id":"e","source":"/s","type":"t","subject":"kim","data":[{"title":"x"},{"body":"y"}]}`: "data[1].title",
	} {
		var fe *belfry.FieldError
		if _, err := messagesOf([]byte(value), nil); !errors.As(err, &fe) || fe.Field != want {
			t.Errorf("%s: got %v, want it to name %s", value, err, want)
		}
	}
}

// TestOneBadElementCostsNobodyTheRest holds that the built-in source delivers what is
// good of a list, and refuses the rest of it.
func TestOneBadElementCostsNobodyTheRest(t *testing.T) {
	r := sources.Record{Topic: "n", Value: []byte(`[{"recipient":"kim","title":"x"},{"recipient":"a/b","title":"x"},{"recipients":["lee","a/b"],"title":"y"}]`)}
	got, err := envelope.Notifications{}.Route(r)
	if err != nil || len(got) != 3 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for i, want := range []struct {
		recipients []string
		refused    string
	}{{[]string{"kim"}, ""}, {nil, "[1].recipient: "}, {[]string{"lee"}, "[2].recipients[1]: "}} {
		d := got[i]
		refused := ""
		if d.Refused != nil {
			refused = d.Refused.Error()
		}
		if !reflect.DeepEqual(d.Recipients, want.recipients) || !strings.HasPrefix(refused, want.refused) || want.refused == "" && refused != "" {
			t.Errorf("%d: got %+v, want %+v", i, d, want)
		}
		if len(d.Recipients) > 0 && d.Record.Origin.Index != int32(i) {
			t.Errorf("%d: got origin %+v", i, d.Record.Origin)
		}
	}
	r.Value = []byte(`[{"recipient":"a/b","title":"x"}]`)
	if got, err := (envelope.Notifications{}).Route(r); err == nil {
		t.Errorf("got %+v, want the error of the only element", got)
	}
}

// TestIDsAreNotChanged holds that no two ids of CloudEvents become one, nor two
// sources: not by blanks, not by escapes, not by what is no text.
func TestIDsAreNotChanged(t *testing.T) {
	seen := map[[2]string]string{}
	for _, id := range []string{"e1", " e1", "e1 ", "E1", "e1/1", "1", "01"} {
		for _, source := range []string{"/café", "/caf%C3%A9", "http://shop/x", "HTTP://shop/x", "/a b"} {
			const data = `{"recipient":"kim","title":"x"}`
			value := fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":%q,"type":"t","data":%s}`, id, source, data)
			for way, m := range map[string][]belfry.Message{
				"structured": read(t, value),
				"binary":     read(t, data, headers("ce_specversion", "1.0", "ce_id", id, "ce_source", source, "ce_type", "t")...),
			} {
				n := m[0].Notification
				if n.ID != id || n.Source != source {
					t.Errorf("%s: got id %q of %q, want %q of %q", way, n.ID, n.Source, id, source)
				}
				key := [2]string{n.ID, n.Source}
				if before := seen[key]; before != "" && before != value {
					t.Errorf("%s and %s are one", before, value)
				}
				seen[key] = value
			}
		}
	}
	for _, value := range []string{
		`{"id":"\ud800","recipient":"kim","title":"x"}`,
		`{"recipient":"\udfff","title":"x"}`,
		`{"recipients":["a","\ud800\ud800"],"title":"x"}`,
		`{"recipient":"kim","title":"x","collapse_key":"\ud83d"}`,
		`{"recipient":"kim","title":"x","source":"\ud83dx"}`,
		"{\"recipient\":\"k\xff\",\"title\":\"x\"}",
		"{\"recipient\":\"k\",\"title\":\"x\",\"unknown\":\"\xff\"}",
		`{"specversion":"1.0","id":"\ud800","source":"/s","type":"t","data":{"recipient":"kim","title":"x"}}`,
		`{"specversion":"1.0","id":"e","source":"/\udc00","type":"t","data":{"recipient":"kim","title":"x"}}`,
	} {
		if got, err := messagesOf([]byte(value), nil); !errors.Is(err, belfry.ErrInvalid) {
			t.Errorf("%s: got %+v, %v, want it refused", value, got, err)
		}
	}
	// A text that people read, or that is passed on as it stands, is no name.
	got := read(t, `{"recipient":"kim","title":"cut \ud83d","actor":{"name":"\ud83d"},"data":{"a":"\ud83d"}}`)[0].Notification
	if got.Title[""] != "cut \ufffd" || got.Actor.Name != "\ufffd" || string(got.Data) != `{"a":"\ud83d"}` {
		t.Errorf("got %+v", got)
	}
}

func read(t *testing.T, value string, headers ...sources.Header) []belfry.Message {
	t.Helper()
	got, err := messagesOf([]byte(value), headers)
	if err != nil || len(got) != 1 {
		t.Fatalf("%s: got %+v, %v", value, got, err)
	}
	return got
}

func TestMessagesErrorsNameTheField(t *testing.T) {
	tests := []struct {
		name, value string
		headers     []sources.Header
		field, says string
	}{
		{"not JSON", `hello`, nil, "", "must be JSON"},
		{"no title", `{"recipient":"a"}`, nil, "title", ""},
		{"bad actor", `{"recipient":"a","title":"x","actor":{"avatar":"javascript:x"}}`, nil, "actor.avatar", ""},
		{"bad recipient of many", `{"recipients":["a","b/c"],"title":"x"}`, nil, "recipients[1]", "/"},
		{"no title in an event", `{` + attributes + `,"data":{"recipient":"a"}}`, nil, "data.title", ""},
		{"no recipient in an event", `{` + attributes + `,"data":{"title":"x"}}`, nil, "data.recipient", "is required"},
		{"bad subject", `{` + attributes + `,"subject":"a/b","data":{"title":"x"}}`, nil, "subject", "/"},
		{"bad recipient beside a subject", `{` + attributes + `,"subject":"a","data":{"recipient":"a/b","title":"x"}}`, nil, "data.recipient", "/"},
		{"bad time", `{}`, binary("ce_time", "yesterday"), "time", "must be a time"},
		{"time of long ago", `{}`, binary("ce_time", "1492-10-12T00:00:00Z"), "time", "1970"},
		{"data of another type", `x`, binary("content-type", "text/plain"), "datacontenttype", "JSON"},
		{"no recipient in Connect's envelope", `{"schema":null,"payload":{"title":"x"}}`, nil, "recipient", "is required"},
		{"no data", `{` + attributes + `}`, nil, "data", ""},
		{"data that is no object", `{` + attributes + `,"data":"x"}`, nil, "data", "must be a JSON object"},
		{"binary data that is not JSON", `x`, binary(), "data", "must be JSON"},
		{"event without id", `{"specversion":"1.0","source":"/s","type":"t","data":{}}`, nil, "id", ""},
		{"event without type", `{}`, headers("ce_specversion", "1.0", "ce_id", "1", "ce_source", "/s"), "type", ""},
		{"structured of an unknown version", `{"specversion":"2.0","id":"1","source":"/s","type":"t","data":{}}`, nil, "specversion", "1.0"},
		{"binary of an unknown version", `{}`, headers("ce_specversion", "2.0", "ce_id", "1", "ce_source", "/s", "ce_type", "t"), "specversion", "1.0"},
		{"said to be an event", `hello`, headers("content-type", "application/cloudevents+json"), "", "must be JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			message, err := messagesOf([]byte(tt.value), tt.headers)
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
	if _, err := messagesOf([]byte(value), nil); !errors.Is(err, belfry.ErrTooLarge) {
		t.Errorf("got %v, want one that matches ErrTooLarge", err)
	}
}

// No input panics; a message that is taken is sound, and an error is the
// sender's.
func FuzzMessages(f *testing.F) {
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
		messages, err := messagesOf(value, h)
		if err != nil && !errors.Is(err, belfry.ErrInvalid) && !errors.Is(err, belfry.ErrEmpty) && !errors.Is(err, belfry.ErrTombstone) {
			t.Errorf("error %v is not the sender's", err)
		}
		for _, m := range messages {
			checkMessage(t, m)
		}
	})
}

// checkMessage fails unless m is one of the two kinds, sound, for somebody.
func checkMessage(t *testing.T, m belfry.Message) {
	t.Helper()
	if len(m.Recipients) == 0 || m.Retract && !reflect.DeepEqual(m.Notification, belfry.Notification{}) || !m.Retract && m.Retraction != (belfry.Retraction{}) {
		t.Errorf("got %+v, want one of the two for at least one recipient", m)
	}
	for _, recipient := range m.Recipients {
		n, r := m.Notification, m.Retraction
		n.Recipient, r.Recipient = recipient, recipient
		if m.Retract {
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
}
