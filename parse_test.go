package belfry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
)

const full = `{"id":"a","recipient":"사용자-7","source":"shop","type":"order.paid","category":"order","priority":"high",
	"title":{"en":"Paid","ko":"결제"},"body":"Order 7 \u2713","url":"/orders/7",
	"actor":{"id":"u-1","name":"Ann","avatar":"https://a.example/1.png","role":"x"},
	"collapse_key":"order-7","time":"2026-01-31T18:00:00.123456+09:00","expires_at":"2026-02-01T00:00:00Z","deliver_at":"2026-01-31T20:00:00+09:00",
	"data":{"order":7},"unknown":[1,{"a":null}],"Recipient":3}`

// received is when the records of these tests came.
var received = time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)

// notifications returns one for each recipient of a message, as they read it.
func notifications(m belfry.Message) []belfry.Notification {
	var out []belfry.Notification
	for _, r := range m.Recipients {
		if n := m.Notification; !m.Retract {
			n.Recipient = r
			out = append(out, n)
		}
	}
	return out
}

func retractions(m belfry.Message) []belfry.Retraction {
	var out []belfry.Retraction
	for _, recipient := range m.Recipients {
		if r := m.Retraction; m.Retract {
			r.Recipient = recipient
			out = append(out, r)
		}
	}
	return out
}

func TestParseNotification(t *testing.T) {
	m, err := belfry.ParseNotification([]byte(full), belfry.Notification{})
	got := notifications(m)
	want := []belfry.Notification{{
		ID: "a", Recipient: "사용자-7", Source: "shop", Type: "order.paid", Category: "order", Priority: belfry.PriorityHigh,
		Title: belfry.Text{"en": "Paid", "ko": "결제"}, Body: belfry.PlainText("Order 7 ✓"), URL: "/orders/7",
		Actor:       belfry.Actor{ID: "u-1", Name: "Ann", Avatar: "https://a.example/1.png"},
		CollapseKey: "order-7", Time: received.Add(123 * time.Millisecond),
		ExpiresAt: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), DeliverAt: received.Add(2 * time.Hour), Data: json.RawMessage(`{"order":7}`),
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestParseNotificationDefaults(t *testing.T) {
	defaults := belfry.Notification{ID: "d", Recipient: "d", Source: "d", Type: "d", Priority: belfry.PriorityLow, Time: received}
	for _, c := range []struct {
		in   string
		want func(*belfry.Notification)
	}{
		{`{"title":"t"}`, func(*belfry.Notification) {}},
		{`{"title":"t","id":null,"recipient":null,"recipients":null,"priority":null,"time":null,"expires_at":null,"deliver_at":null,"data":null,"url":null,"actor":null,"body":null}`,
			func(*belfry.Notification) {}},
		{`{"title":"t","priority":"","time":"","expires_at":"","deliver_at":""}`, func(*belfry.Notification) {}},
		{`{"title":"t","id":"x","recipient":"y","source":"z","priority":"normal"}`, func(n *belfry.Notification) {
			n.ID, n.Recipient, n.Source, n.Priority = "x", "y", "z", belfry.PriorityNormal
		}},
	} {
		want := defaults
		want.Title = belfry.PlainText("t")
		c.want(&want)
		m, err := belfry.ParseNotification([]byte(c.in), defaults)
		got := notifications(m)
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%s: %+v, %v; want %+v", c.in, got, err, want)
		}
	}
	if _, err := belfry.ParseNotification([]byte(`{"title":"t"}`), belfry.Notification{Recipient: "a/b"}); err == nil || fieldOf(t, err) != "recipient" {
		t.Errorf("a bad default recipient: %v", err)
	}
}

func TestParseRecipients(t *testing.T) {
	m, err := belfry.ParseNotification([]byte(`{"recipients":["b","a","b"],"title":"t","id":"x"}`), belfry.Notification{Recipient: "d"})
	got := notifications(m)
	if err != nil || len(got) != 2 || got[0].Recipient != "b" || got[1].Recipient != "a" || got[1].ID != "x" {
		t.Errorf("got %+v, %v; want one for b and one for a", got, err)
	}
	m, err = belfry.ParseRetraction([]byte(`{"recipients":["b","a"],"source":"s","id":"x"}`), belfry.Retraction{})
	rs := retractions(m)
	want := []belfry.Retraction{{Recipient: "b", Source: "s", ID: "x"}, {Recipient: "a", Source: "s", ID: "x"}}
	if err != nil || !reflect.DeepEqual(rs, want) {
		t.Errorf("got %+v, %v; want %+v", rs, err, want)
	}
	for name, parse := range map[string]func([]byte) (belfry.Message, error){
		"retraction": func(b []byte) (belfry.Message, error) {
			return belfry.ParseRetraction(b, belfry.Retraction{Recipient: "d", Source: "ds"})
		},
		"message": func(b []byte) (belfry.Message, error) {
			return belfry.ParseMessage(b, belfry.Notification{Recipient: "d", Source: "ds", ID: "no", CollapseKey: "no"})
		},
	} {
		m, err := parse([]byte(`{"retract":true,"id":"x"}`))
		got := retractions(m)
		if want := (belfry.Retraction{Recipient: "d", Source: "ds", ID: "x"}); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s with defaults: %+v, %v; want %+v", name, got, err, want)
		}
	}
	many := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`"u%d"`, i))
		}
		return `{"title":"t","recipients":[` + strings.Join(list, ",") + `]}`
	}
	if got, err := belfry.ParseNotification([]byte(many(belfry.MaxRecipients)), belfry.Notification{}); err != nil || len(got.Recipients) != belfry.MaxRecipients {
		t.Errorf("%d recipients: %d, %v", belfry.MaxRecipients, len(got.Recipients), err)
	}
	_, err = belfry.ParseNotification([]byte(many(belfry.MaxRecipients+1)), belfry.Notification{})
	if !errors.Is(err, belfry.ErrTooLarge) || fieldOf(t, err) != "recipients" {
		t.Errorf("one recipient more: %v, want %v", err, belfry.ErrTooLarge)
	}
}

// badFields has, for every field, values that must be refused under its name.
var badFields = []struct{ fields, field string }{
	{`"id":1`, "id"}, {`"id":{}`, "id"}, {`"id":true`, "id"}, {"\"id\":\"a\xff\"", "id"}, {`"id":"a\u0000"`, "id"},
	{`"source":1`, "source"}, {`"type":[]`, "type"}, {`"category":1.5`, "category"}, {`"collapse_key":-1`, "collapse_key"},
	{`"priority":1`, "priority"}, {`"priority":"top"`, "priority"},
	{`"title":1`, "title"}, {`"title":""`, "title"}, {`"title":["t"]`, "title"}, {`"title":{"en":1}`, "title.en"},
	{`"title":null`, "title"}, {"\"title\":\"\xff\"", "title"}, {"\"title\":{\"en\":\"\xff\"}", "title.en"},
	{`"body":1`, "body"}, {`"body":{"e n":"x"}`, "body"},
	{`"url":1`, "url"}, {`"url":"javascript:alert(1)"`, "url"}, {`"url":"//host"`, "url"}, {`"url":"\\\\host"`, "url"},
	{`"url":"http://user@host"`, "url"}, {`"url":"data:text/html,x"`, "url"}, {`"url":"/a\u000ab"`, "url"},
	{`"actor":"ann"`, "actor"}, {`"actor":[]`, "actor"}, {`"actor":{"id":1}`, "actor.id"},
	{`"actor":{"name":{}}`, "actor.name"}, {`"actor":{"avatar":"javascript:x"}`, "actor.avatar"},
	{`"time":1738314000`, "time"}, {`"time":"yesterday"`, "time"}, {`"time":"2026-01-31"`, "time"},
	{`"time":"2026-02-30T00:00:00Z"`, "time"}, {`"time":"1969-12-31T23:59:59Z"`, "time"},
	{`"expires_at":-1`, "expires_at"}, {`"expires_at":"1066-10-14T09:00:00Z"`, "expires_at"},
	{`"deliver_at":1738314000`, "deliver_at"}, {`"deliver_at":"tomorrow"`, "deliver_at"}, {`"deliver_at":"2026-02-30T00:00:00Z"`, "deliver_at"},
	{`"deliver_at":"9998-01-01T00:00:00Z"`, "deliver_at"}, {`"deliver_at":"9999-12-31T23:59:59Z"`, "deliver_at"},
	{`"deliver_at":"2026-02-01T00:00:00Z","expires_at":"2026-02-01T00:00:00Z"`, "deliver_at"},
	{`"data":1`, "data"}, {`"data":[]`, "data"}, {`"data":"{}"`, "data"}, {"\"data\":{\"a\":\"\xff\"}", "data"},
	{`"recipient":1`, "recipient"}, {`"recipient":""`, "recipient"}, {`"recipient":"a/b"`, "recipient"},
	{`"recipient":["a"]`, "recipient"}, {"\"recipient\":\"a\xff\"", "recipient"}, {`"recipient":"__a"`, "recipient"},
	{`"recipient":null`, "recipient"}, {`"recipient":"a","recipients":["b"]`, "recipients"},
	{`"recipient":null,"recipients":"a"`, "recipients"}, {`"recipient":null,"recipients":[]`, "recipients"},
	{`"recipient":null,"recipients":["a",1]`, "recipients[1]"}, {`"recipient":null,"recipients":["a",".."]`, "recipients[1]"},
	{`"recipient":null,"recipients":["a",null]`, "recipients[1]"}, {`"recipient":null,"recipients":{"a":1}`, "recipients"},
	{`"retract":1`, "retract"}, {`"retract":"true"`, "retract"},
	{`"retract":true`, "id"}, {`"retract":true,"id":"a","collapse_key":"k"`, "id"}, {`"retract":true,"id":7`, "id"},
	{`"retract":true,"source":7,"id":"a"`, "source"}, {`"retract":true,"collapse_key":{}`, "collapse_key"},
	{`"retract":true,"id":"a","recipient":"."`, "recipient"},
}

// badMessage is a message with those fields, complete otherwise.
func badMessage(fields string) []byte {
	in := `{` + fields
	for _, name := range []string{"recipient", "title"} {
		if !strings.Contains(fields, `"`+name+`":`) && (name != "recipient" || !strings.Contains(fields, `"recipients":`)) {
			in += `,"` + name + `":"t"`
		}
	}
	return []byte(in + `}`)
}

// TestFieldsStandOnce holds that a field which says what a message is, and for whom,
// cannot stand there twice, however its name is written; unknown ones may.
func TestFieldsStandOnce(t *testing.T) {
	for fields, field := range map[string]string{
		`"id":"a","id":"a"`:                          "id",
		`"id":null,"id":"a"`:                         "id",
		`"id":"a","\u0069d":"b"`:                     "id",
		`"recipient":"a","recipient":"b"`:            "recipient",
		`"recipients":["a"],"recipients":["b"]`:      "recipients",
		`"source":"a","source":"b"`:                  "source",
		`"title":"a","title":"b"`:                    "title",
		`"data":{},"data":{}`:                        "data",
		`"retract":false,"retract":true`:             "retract",
		`"actor":{"id":"a","id":"b"}`:                "actor.id",
		`"collapse_key":"a","x":1,"collapse_key":""`: "collapse_key",
	} {
		for name, parse := range map[string]func([]byte, belfry.Notification) (belfry.Message, error){
			"ParseMessage": belfry.ParseMessage, "ParseRecord": belfry.ParseRecord, "ParseNotification": belfry.ParseNotification,
		} {
			m, err := parse(badMessage(fields), belfry.Notification{})
			if name == "ParseRecord" && field == "actor.id" {
				if err != nil || len(m.Omitted) != 1 {
					t.Errorf("%s: %s: got %v, want the actor left out", name, fields, err)
				}
				continue
			}
			if fieldOf(t, err) != field {
				t.Errorf("%s: %s: got %v, want an error of field %q", name, fields, err, field)
			}
		}
	}
	if _, err := belfry.ParseRetraction([]byte(`{"recipient":"a","id":"x","id":"y"}`), belfry.Retraction{}); fieldOf(t, err) != "id" {
		t.Errorf("got %v, want an error of field id", err)
	}
	if _, err := belfry.ParseMessage(badMessage(`"x":1,"x":2,"ID":3`), belfry.Notification{}); err != nil {
		t.Errorf("unknown fields: %v", err)
	}
}

// TestTimesThatMeanNone holds that what programs write where there is no time is
// none, whoever reads it.
func TestTimesThatMeanNone(t *testing.T) {
	for _, at := range []string{
		"0001-01-01T00:00:00Z", "0001-01-01T00:00:00+09:00", "0000-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00+09:00",
		"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999-09:00", "9999-01-01T00:00:00+14:00",
	} {
		got, err := belfry.ParseMessage([]byte(`{"recipient":"u","title":"t","time":"`+at+`","expires_at":"`+at+`"}`), belfry.Notification{})
		if n := got.Notification; err != nil || !n.Time.IsZero() || !n.ExpiresAt.IsZero() {
			t.Errorf("%s: time %v, expires at %v, %v, want none", at, n.Time, n.ExpiresAt, err)
		}
	}
	for _, at := range []string{"1970-01-01T00:00:00.001Z", "1970-01-01T00:00:01Z", "1970-01-02T00:00:00Z", "9998-12-31T00:00:00Z"} {
		if parsed, err := time.Parse(time.RFC3339, at); err != nil || belfry.NoTime(parsed) {
			t.Errorf("%s is none, %v", at, err)
		}
	}
}

func TestParseMessageNamesTheField(t *testing.T) {
	for _, c := range badFields {
		got, err := belfry.ParseMessage(badMessage(c.fields), belfry.Notification{})
		if err == nil {
			t.Errorf("%s: accepted as %+v, want an error of field %q", c.fields, got, c.field)
			continue
		}
		if got := fieldOf(t, err); got != c.field || !errors.Is(err, belfry.ErrInvalid) {
			t.Errorf("%s: %v, want an error of field %q", c.fields, err, c.field)
		}
	}
}

func TestParseMessage(t *testing.T) {
	got, err := belfry.ParseMessage([]byte(full), belfry.Notification{})
	if err != nil || len(notifications(got)) != 1 || got.Retraction != (belfry.Retraction{}) {
		t.Errorf("a notification is %+v, %v", got, err)
	}
	got, err = belfry.ParseMessage([]byte(`{"retract":false,"recipient":"u","title":"t"}`), belfry.Notification{})
	if err != nil || len(notifications(got)) != 1 {
		t.Errorf("retract false is %+v, %v; want a notification", got, err)
	}
	got, err = belfry.ParseMessage([]byte(` {"retract":true,"recipients":["u","v"],"collapse_key":"k","title":3}`), belfry.Notification{})
	want := []belfry.Retraction{{Recipient: "u", CollapseKey: "k"}, {Recipient: "v", CollapseKey: "k"}}
	if err != nil || !reflect.DeepEqual(got.Notification, belfry.Notification{}) || !reflect.DeepEqual(retractions(got), want) {
		t.Errorf("a retraction is %+v, %v", got, err)
	}
}

func TestParseRefusesWhatIsNoObject(t *testing.T) {
	for _, in := range []string{
		"", " ", "null", "1", `"a"`, "[]", "true", "{", `{"recipient":}`, `{"a":1}{"b":2}`, "\x00\x01", "{\xff}",
		strings.Repeat("[", 20000), `{"data":` + strings.Repeat(`{"a":`, 20000),
	} {
		for name, parse := range map[string]func([]byte) error{
			"message":      func(b []byte) error { _, err := belfry.ParseMessage(b, belfry.Notification{}); return err },
			"notification": func(b []byte) error { _, err := belfry.ParseNotification(b, belfry.Notification{}); return err },
			"retraction":   func(b []byte) error { _, err := belfry.ParseRetraction(b, belfry.Retraction{}); return err },
		} {
			if err := parse([]byte(in)); err == nil || fieldOf(t, err) != "" {
				t.Errorf("%s from %.20q: %v, want an error of the whole", name, in, err)
			}
		}
	}
}

func TestParseItemSize(t *testing.T) {
	body := func(n int) []byte {
		return []byte(`{"recipient":"u","title":"t","body":"` + strings.Repeat("x", n) + `"}`)
	}
	if _, err := belfry.ParseMessage(body(belfry.MaxItemBytes-1), belfry.Notification{}); err != nil {
		t.Errorf("64 KiB: %v", err)
	}
	if _, err := belfry.ParseMessage(body(belfry.MaxItemBytes), belfry.Notification{}); !errors.Is(err, belfry.ErrTooLarge) {
		t.Errorf("over 64 KiB: %v, want %v", err, belfry.ErrTooLarge)
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(`{"retract":true,"recipients":["u","v"],"source":"s","id":"a"}`))
	f.Add([]byte(`{"recipient":"u","title":{"en":"a"},"data":{"a":"<b>"}}`))
	for _, c := range badFields {
		f.Add(badMessage(c.fields))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := belfry.ParseMessage(data, belfry.Notification{})
		if err != nil {
			if !errors.Is(err, belfry.ErrInvalid) {
				t.Errorf("%v does not match %v", err, belfry.ErrInvalid)
			}
			return
		}
		if (len(notifications(m)) > 0) == (len(retractions(m)) > 0) {
			t.Fatalf("%d notifications and %d retractions", len(notifications(m)), len(retractions(m)))
		}
		for _, n := range notifications(m) {
			if err := n.Check(); err != nil {
				t.Errorf("accepted what Check refuses: %v", err)
			}
			out, err := json.Marshal(n)
			if err != nil {
				t.Fatalf("marshal what was accepted: %v", err)
			}
			again, err := belfry.ParseMessage(out, belfry.Notification{})
			// Marshalling escapes '<' and the like in data, which may make it
			// longer than an item may be.
			if errors.Is(err, belfry.ErrTooLarge) {
				return
			}
			if err != nil || len(notifications(again)) != 1 {
				t.Fatalf("parse %s again: %v", out, err)
			}
			back, err := json.Marshal(notifications(again)[0])
			if err != nil || string(back) != string(out) {
				t.Errorf("after a round trip: %s, %v\nwant %s", back, err, out)
			}
		}
		for _, r := range retractions(m) {
			if err := r.Check(); err != nil {
				t.Errorf("accepted what Check refuses: %v", err)
			}
			out, err := json.Marshal(r)
			if err != nil {
				t.Fatalf("marshal what was accepted: %v", err)
			}
			if again, err := belfry.ParseRetraction(out, belfry.Retraction{}); err != nil || len(again.Recipients) != 1 || retractions(again)[0] != r {
				t.Errorf("after a round trip: %+v, %v; want %+v", again, err, r)
			}
		}
	})
}
