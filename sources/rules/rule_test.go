package rules_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
)

func TestRouteAllFields(t *testing.T) {
	const text = `
sources:
  - topic: orders
    timezone: Asia/Seoul
    let:
      order: event.payload
      total: order.total
    rules:
      - name: order-received
        when: event.type == "ORDER_CREATED"
        recipients: "[order.customerId, order.clerks[0], order.customerId]"
        exclude: event.actor.id
        id: "${order.id}"
        source: shop
        type: "${event.type}"
        category: orders
        priority: "${total > 1000 ? 'high' : 'normal'}"
        title: {en: "Order ${order.no}, ${total} in all", ko: "주문 ${order.no}"}
        body: "price $${order.no}"
        url: "/orders/${order.id}"
        actor: {id: "${event.actor.id}", name: Kim, avatar: "${event.actor.?avatar}"}
        collapse_key: "order:${order.id}"
        time: event.createdAt
        expires_at: timestamp + duration("72h")
        data: {orderId: "${order.id}", text: "no. ${order.no}", lines: "${order.lines}", absent: "${order.?absent}", nothing: "${order.nothing}", fixed: [1, 2.50, true, null, x]}
`
	source := sourceOf(t, parseRules(t, text), "orders")
	record := orderRecord(`{"type":"ORDER_CREATED","createdAt":"2026-02-01T09:00:00","actor":{"id":"clerk-9"},
		"payload":{"id":12345678901234567890123,"no":7,"customerId":"customer-1","clerks":[42,"clerk-9"],"total":1000.50,"lines":[{"b":1.0,"a":"<&>"}],"nothing":null}}`)
	want := belfry.Notification{
		ID: "12345678901234567890123", Source: "shop", Type: "ORDER_CREATED", Category: "orders", Priority: belfry.PriorityHigh,
		Title: belfry.Text{"en": "Order 7, 1000.50 in all", "ko": "주문 7"}, Body: belfry.PlainText("price ${order.no}"),
		URL: "/orders/12345678901234567890123", Actor: belfry.Actor{ID: "clerk-9", Name: "Kim"},
		CollapseKey: "order:12345678901234567890123", Time: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), ExpiresAt: recordTime.Add(72 * time.Hour),
		Data: []byte(`{"fixed":[1,2.50,true,null,"x"],"lines":[{"a":"<&>","b":1.0}],"nothing":null,"orderId":12345678901234567890123,"text":"no. 7"}`),
	}
	got, err := source.Route(record)
	if err != nil || len(got) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	d := got[0]
	if !reflect.DeepEqual(d.Recipients, []string{"customer-1", "42"}) || d.Record.Kind != inbox.KindNotify || d.Record.Rule != "order-received" {
		t.Errorf("got %+v", d)
	}
	if !reflect.DeepEqual(d.Record.Notification, want) {
		t.Errorf("got  %+v\nwant %+v\ndata %s", d.Record.Notification, want, d.Record.Notification.Data)
	}
	if o := d.Record.Origin; o.Rule == 0 || o.TopicID != record.TopicID || o.Partition != 3 || o.Offset != 17 || o.Index != 0 {
		t.Errorf("got origin %+v", o)
	}
}

func TestRouteDefaults(t *testing.T) {
	made := "ab" + strings.Repeat("0", 30) + "/3/17/order-received/0"
	for _, tt := range []struct {
		name, fields, value string
		headers             []string
		want                belfry.Notification
	}{
		{"nothing said", "", `{"to":"a"}`, nil, belfry.Notification{ID: made, Source: "orders", Time: recordTime}},
		{"id and type of an outbox's headers", "", `{"to":"a"}`, []string{"id", "e-1", "eventType", "x.OrderCreated", "aggregateType", "order"},
			belfry.Notification{ID: "e-1", Source: "orders", Type: "x.OrderCreated", Time: recordTime}},
		{"a header id that is a tenant", "", `{"to":"a"}`, []string{"id", "tenant-7", "__TypeId__", "x.OrderCreated"},
			belfry.Notification{ID: made, Source: "orders", Type: "x.OrderCreated", Time: recordTime}},
		{"a header id by the rule", `id: "${headers.id}"`, `{"to":"a"}`, []string{"id", "e-1"},
			belfry.Notification{ID: "e-1", Source: "orders", Time: recordTime}},
		{"a CloudEvent", "", `{"specversion":"1.0","id":"e-1","source":"/shop","type":"created","time":"2025-12-24T18:30:00Z","data":{"to":"a"}}`, nil,
			belfry.Notification{ID: "e-1", Source: "/shop", Type: "created", Time: eventTime}},
		{"empty texts", "id: \"${event.?no}\"\nsource: \"${event.?no.orValue('')}\"\ntype: \"${''}\"\ntime: event.?no", `{"to":"a"}`, nil,
			belfry.Notification{ID: made, Source: "orders", Time: recordTime}},
		{"variables", `body: "${topic} ${partition} ${offset} ${index} ${key} ${headers.h} ${type} ${id} ${source} ${subject} ${attributes.x} ${timestamp} ${time}"`,
			`{"specversion":"1.0","id":"e-1","source":"/shop","type":"created","subject":"s","x":"1","time":"2025-12-24T18:30:00Z","data":{"to":"a"}}`,
			[]string{"h", "first", "h", "last"},
			belfry.Notification{ID: "e-1", Source: "/shop", Type: "created", Time: eventTime,
				Body: belfry.PlainText("orders 3 17 0 customer-1 last created e-1 /shop s 1 2026-01-31T09:00:00Z 2025-12-24T18:30:00Z")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Title = belfry.PlainText("Hello")
			if got := notificationOf(t, tt.fields, tt.value, tt.headers...); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestRouteList(t *testing.T) {
	const value = `[{"to":"a"},{"to":["b","c"]},{"to":""},{"to":"a"}]`
	for _, tt := range []struct {
		name string
		ids  []string
		head []string
	}{
		{"ids made", []string{"/order-received/0", "/order-received/1", "/order-received/3"}, nil},
		{"ids of a header", []string{"e-1", "e-1/1", "e-1/3"}, []string{"id", "e-1", "eventType", "x", "aggregateId", "7"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ds, err := route(t, "", value, tt.head...)
			if err != nil || len(ds) != 3 {
				t.Fatalf("got %+v, %v, want 3", ds, err)
			}
			for i, index := range []int32{0, 1, 3} {
				r := ds[i].Record
				if r.Origin.Index != index || !strings.HasSuffix(r.Notification.ID, tt.ids[i]) {
					t.Errorf("delivery %d: index %d, id %s, want %d, %s", i, r.Origin.Index, r.Notification.ID, index, tt.ids[i])
				}
			}
		})
	}
}

func TestRouteWhen(t *testing.T) {
	for _, tt := range []struct {
		name, when, value string
		want              int
	}{
		{"true", "event.n == 1", `{"to":"a","n":1}`, 1},
		{"false", "event.n == 1", `{"to":"a","n":2}`, 0},
		{"a number of another kind", "event.n == 1", `{"to":"a","n":1.0}`, 1},
		{"on the other side", "1.5 == event.n && 1 < event.n", `{"to":"a","n":1.50}`, 1},
		{"another type", "event.n == 1", `{"to":"a","n":"1"}`, 0},
		{"missing field", "event.n == 1", `{"to":"a"}`, 0},
		{"missing field of a missing one", "event.n.m.o", `{"to":"a"}`, 0},
		{"field of null", "event.n.m == 1", `{"to":"a","n":null}`, 0},
		{"missing field in a let", "order.n == 1", `{"to":"a"}`, 0},
		{"missing or true", "event.n == 1 || event.to == 'a'", `{"to":"a"}`, 1},
		{"null", "event.n == null", `{"to":"a","n":null}`, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(oneRule("when: "+quote(tt.when)), "    rules:", "    let: {order: event.payload}\n    rules:", 1)
			ds, err := sourceOf(t, parseRules(t, text), "orders").Route(orderRecord(tt.value))
			if err != nil || len(ds) != tt.want {
				t.Errorf("got %+v, %v, want %d", ds, err, tt.want)
			}
		})
	}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func TestRouteErrors(t *testing.T) {
	for _, tt := range []struct {
		name, fields, value string
		field, says         string
	}{
		{"condition of another type", "when: event.n", `{"to":"a","n":1}`, "when", "must be true or false, is of type int"},
		{"condition that fails", "when: event.n > 1", `{"to":"a","n":"x"}`, "when", "another type"},
		{"missing recipients", "", `{}`, "recipients", `there is no field "to"; where it may be missing, write .?to and .orValue(...), such as event.?to.orValue("")`},
		{"recipients of another type", "", `{"to":{"a":1}}`, "recipients", "not a value of type map"},
		{"bad recipient", "", `{"to":"b/c"}`, "recipients", `recipient 1, "b/c": must not contain "/"`},
		{"bad recipients", "", `{"to":["a/b","b/c",["d"]]}`, "recipients", `recipient 1, "a/b": must not contain "/"; 2 more are not valid either`},
		{"list of lists", "", `{"to":[["a"]]}`, "recipients[0]", "flatten()"},
		{"exclude of another type", "exclude: event.x", `{"to":"a","x":true}`, "exclude", "not a value of type bool"},
		{"missing field in a text", `title: {en: "${event.x}"}`, `{"to":"a"}`, "title.en", `there is no field "x"`},
		{"null in a text", `title: "a ${event.x}"`, `{"to":"a","x":null}`, "title", `the value is null; say what stands for it`},
		{"missing optional in a text", `title: "a ${event.?x}"`, `{"to":"a"}`, "title", `write .orValue("") after it`},
		{"list in a text", `title: "a ${event.x}"`, `{"to":"a","x":[]}`, "title", "the value is a list"},
		{"object in a text", `title: "a ${event.x}"`, `{"to":"a","x":{}}`, "title", "the value is an object"},
		{"title without a text", `title: "${event.x}"`, `{"to":"a","x":""}`, "title", "is required"},
		{"priority", `priority: "${event.x}"`, `{"to":"a","x":"hgh"}`, "priority", `must be low, normal, high or urgent, not "hgh"`},
		{"control character", `category: "${event.x}"`, `{"to":"a","x":"a\nb"}`, "category", "control"},
		{"data", `data: {a: {b: ["${event.x}"]}}`, `{"to":"a"}`, "data.a.b[0]", `there is no field "x"`},
		{"data that is no object", `data: "${event.to}"`, `{"to":"a"}`, "data", "must be a JSON object"},
		{"large data", `data: "${event}"`, `{"to":"a","x":` + quoted(70_000) + `}`, "data", "at most 65536 bytes"},
		{"index out of range", `title: "${event.x[3]}"`, `{"to":"a","x":[1]}`, "title", "index out of bounds"},
		{"retract of an empty id", `retract: {id: "${event.x}", rule: ""}`, `{"to":"a","x":""}`, "retract.id", "is an empty text"},
		{"retract of a long id", `retract: {id: "${event.x}", rule: ""}`, `{"to":"a","x":` + quoted(300) + `}`, "retract.id", "at most 256 bytes"},
		{"retract by a missing field", `retract: {collapse_key: "${event.x}"}`, `{"to":"a"}`, "retract.collapse_key", "there is no field"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ds, err := route(t, tt.fields, tt.value)
			if ds != nil {
				t.Errorf("got %+v beside an error", ds)
			}
			wantRuleError(t, err, tt.field, tt.says)
		})
	}
}

func TestRouteIsWholeOrNotAtAll(t *testing.T) {
	ds, err := route(t, `title: "${event.t}"`, `[{"to":"a","t":"x"},{"to":"b"}]`)
	if ds != nil {
		t.Errorf("got %+v", ds)
	}
	wantRuleError(t, err, "title", "there is no field")
	if _, err := route(t, "", ``); !errors.Is(err, belfry.ErrEmpty) {
		t.Errorf("got %v, want that of the decoder", err)
	}
}

// TestOptionalFieldsAreOmitted holds that a field that a notification can do without
// does not cost everybody the rest, and that the delivery says what it lacks.
func TestOptionalFieldsAreOmitted(t *testing.T) {
	for _, tt := range []struct {
		name, fields, value string
		field               string
		cause               sources.Cause
	}{
		{"null", `body: "${event.x}"`, `{"to":"a","x":null}`, "body", sources.CauseNull},
		{"null in a longer text", `body: "by ${event.x}"`, `{"to":"a","x":null}`, "body", sources.CauseNull},
		{"null in one language", `body: {en: "${event.x}", ko: "${event.to}"}`, `{"to":"a","x":null}`, "body.en", sources.CauseNull},
		{"missing", `body: "${event.x}"`, `{"to":"a"}`, "body", sources.CauseMissing},
		{"missing optional", `body: "by ${event.?x}"`, `{"to":"a"}`, "body", sources.CauseMissing},
		{"empty", `body: "${event.x}"`, `{"to":"a","x":""}`, "body", sources.CauseEmpty},
		{"a list", `body: "${event.x}"`, `{"to":"a","x":[1]}`, "body", sources.CauseUnreadable},
		{"null url", `url: "${event.x}"`, `{"to":"a","x":null}`, "url", sources.CauseNull},
		{"url", `url: "${event.x}"`, `{"to":"a","x":"javascript:alert(1)"}`, "url", sources.CauseUnreadable},
		{"long url", `url: "/${event.x}"`, `{"to":"a","x":` + quoted(3000) + `}`, "url", sources.CauseUnreadable},
		{"actor's id", `actor: {id: "${event.x.id}"}`, `{"to":"a","x":null}`, "actor.id", sources.CauseMissing},
		{"actor's name", `actor: {name: "${event.x}"}`, `{"to":"a","x":` + quoted(300) + `}`, "actor.name", sources.CauseUnreadable},
		{"avatar", `actor: {avatar: "${event.x}"}`, `{"to":"a","x":"//host"}`, "actor.avatar", sources.CauseUnreadable},
		{"time", "time: event.x", `{"to":"a","x":"soon"}`, "time", sources.CauseUnreadable},
		{"time of long ago", "time: event.x", `{"to":"a","x":"1969-01-01"}`, "time", sources.CauseUnreadable},
		{"null time", "time: event.x", `{"to":"a","x":null}`, "time", sources.CauseNull},
		{"empty time", "time: event.x", `{"to":"a","x":""}`, "time", sources.CauseEmpty},
		{"missing time", "time: event.x", `{"to":"a"}`, "time", sources.CauseMissing},
		{"expiry", "expires_at: event.x", `{"to":"a","x":true}`, "expires_at", sources.CauseUnreadable},
		{"expiry never", "expires_at: event.x", `{"to":"a","x":253402300799}`, "expires_at", sources.CauseEmpty},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ds, err := route(t, tt.fields, tt.value)
			if err != nil || len(ds) != 1 || len(ds[0].Omitted) != 1 {
				t.Fatalf("got %+v, %v, want a delivery that lacks one field", ds, err)
			}
			o := ds[0].Omitted[0]
			if o.Rule != "order-received" || o.Field != tt.field || o.Cause != tt.cause || (o.Err == nil) != (tt.cause == sources.CauseEmpty) {
				t.Errorf("omitted %+v, want %s because it is %s", o, tt.field, tt.cause)
			}
			n := ds[0].Record.Notification
			if n.Body[""] != "" || n.URL != "" || n.Actor != (belfry.Actor{}) || !n.Time.Equal(recordTime) || !n.ExpiresAt.IsZero() {
				t.Errorf("got %+v", n)
			}
		})
	}
	const event = `{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"soon","data":{"to":"a","at":"2026-01-01T00:00:00Z"}}`
	if ds, err := route(t, "", event); err != nil || len(ds) != 1 || len(ds[0].Omitted) != 1 || ds[0].Omitted[0].Field != "time" || !ds[0].Record.Notification.Time.Equal(recordTime) {
		t.Errorf("a CloudEvent's time: got %+v, %v", ds, err)
	}
	if ds, err := route(t, "time: event.at", event); err != nil || len(ds) != 1 || ds[0].Omitted != nil {
		t.Errorf("a CloudEvent's time beside the rule's own: got %+v, %v", ds, err)
	}
	if ds, err := route(t, "", `{"to":"a"}`); err != nil || len(ds) != 1 || ds[0].Omitted != nil {
		t.Errorf("got %+v, %v, want a delivery that lacks nothing", ds, err)
	}
}

// TestRuleDeliversAt: what cannot be read may not show at once, so it is no optional
// field.
func TestRuleDeliversAt(t *testing.T) {
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	for _, tt := range []struct {
		fields, value string
		want          time.Time
		field         string // of the error, "" for none
	}{
		{"deliver_at: event.x", fmt.Sprintf(`{"to":"a","x":%q}`, soon.Format(time.RFC3339Nano)), soon, ""},
		{"deliver_at: event.x", fmt.Sprintf(`{"to":"a","x":%d}`, soon.UnixMilli()), soon, ""},
		{"deliver_at: timestamp + duration('1h')", `{"to":"a"}`, recordTime.Add(time.Hour), ""},
		{"deliver_at: event.x", `{"to":"a","x":null}`, time.Time{}, ""},
		{"deliver_at: event.x", `{"to":"a","x":""}`, time.Time{}, ""},
		{"deliver_at: event.x", `{"to":"a","x":0}`, time.Time{}, ""},
		{"deliver_at: event.?x", `{"to":"a"}`, time.Time{}, ""},
		{"deliver_at: event.x", `{"to":"a"}`, time.Time{}, "deliver_at"},
		{"deliver_at: event.x", `{"to":"a","x":"soon"}`, time.Time{}, "deliver_at"},
		{"deliver_at: event.x", `{"to":"a","x":"9999-12-31T23:59:59Z"}`, time.Time{}, "deliver_at"},
		{"deliver_at: event.x", `{"to":"a","x":"2200-01-01"}`, time.Time{}, "deliver_at"},
		{"deliver_at: event.x\nexpires_at: event.x", fmt.Sprintf(`{"to":"a","x":%d}`, soon.UnixMilli()), time.Time{}, "deliver_at"},
	} {
		ds, err := route(t, tt.fields, tt.value)
		var re *rules.Error
		switch {
		case tt.field != "":
			if !errors.As(err, &re) || re.Field != tt.field {
				t.Errorf("%s of %s: got %v, want an error about %s", tt.fields, tt.value, err, tt.field)
			}
		case err != nil || len(ds) != 1 || !ds[0].Record.Notification.DeliverAt.Equal(tt.want):
			t.Errorf("%s of %s: got %+v, %v, want %s", tt.fields, tt.value, ds, err, tt.want)
		}
	}
}

// TestOneBadRecipientCostsNobodyElse holds that who can be nobody's recipient is
// told of beside the others' delivery, and costs other rules nothing.
func TestOneBadRecipientCostsNobodyElse(t *testing.T) {
	for value, want := range map[string]string{
		`{"to":["a","b/c","d"]}`:          `[a d] rule order-received: recipients: recipient 2, "b/c": must not contain "/"`,
		`{"to":["a",{"id":"b"},"a"]}`:     `[a] rule order-received: recipients[1]: must be a text`,
		`{"to":["a","","__x",null,".."]}`: `[a] rule order-received: recipients: recipient 3, "__x": must not start with "__"; 1 more`,
	} {
		ds, err := route(t, "", value)
		if err != nil || len(ds) != 1 || ds[0].Refused == nil {
			t.Fatalf("%s: got %+v, %v", value, ds, err)
		}
		if got := fmt.Sprintf("%v %v", ds[0].Recipients, ds[0].Refused); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
	source := sourceOf(t, parseRules(t, `
sources:
  - topic: orders
    rules:
      - {name: one, recipients: event.one, title: x}
      - {name: other, recipients: event.other, title: x}
`), "orders")
	ds, err := source.Route(orderRecord(`{"one":"a/b","other":"c"}`))
	if err != nil || len(ds) != 2 || len(ds[0].Recipients) > 0 || ds[0].Refused == nil || !slices.Equal(ds[1].Recipients, []string{"c"}) {
		t.Errorf("got %+v, %v, want the other rule's delivery and an error about the first one's", ds, err)
	}
	if ds, err := source.Route(orderRecord(`{"one":"a/b","other":[]}`)); err == nil || ds != nil {
		t.Errorf("got %+v, %v, want an error: nobody gets anything", ds, err)
	}
}

func TestRetractNamesWhatAnotherRuleMade(t *testing.T) {
	source := sourceOf(t, parseRules(t, `
sources:
  - topic: orders
    rules:
      - {name: received, when: event.type == "CREATED", recipients: event.to, id: "${event.id}", source: shop, collapse_key: "k${event.id}", title: x}
      - {name: withdrawn, when: event.type == "DELETED", recipients: event.to, retract: {id: "${event.id}", rule: received}}
      - {name: closed, when: event.type == "CLOSED", recipients: event.to, retract: {collapse_key: "k${event.id}"}}
      - {name: foreign, when: event.type == "FOREIGN", recipients: event.to, retract: {id: "${event.id}", rule: ""}}
`), "orders")
	state := inbox.State{}
	apply := func(offset int64, kind string, unread uint32) inbox.Record {
		t.Helper()
		r := orderRecord(`{"type":"` + kind + `","id":7,"to":"a"}`)
		r.Offset = offset
		ds, err := source.Route(r)
		if err != nil || len(ds) != 1 {
			t.Fatalf("got %+v, %v", ds, err)
		}
		state = foldOne(t, state, ds[0].Record, offset)
		if got := uint32(state.Counts(recordTime).Unread); got != unread {
			t.Errorf("after %s: %d unread, want %d", kind, got, unread)
		}
		return ds[0].Record
	}
	made := apply(1, "CREATED", 1)
	taken := apply(2, "DELETED", 0)
	if taken.Rule != "received" || taken.Origin.Rule == made.Origin.Rule || taken.Retraction != (belfry.Retraction{Source: "shop", ID: "7"}) {
		t.Errorf("got %+v", taken)
	}
	apply(3, "CREATED", 0) // the id was taken back for good
	if foreign := apply(4, "FOREIGN", 0); foreign.Rule != "" || foreign.Retraction.Source != "orders" {
		t.Errorf("got %+v", foreign)
	}
	closed := apply(5, "CLOSED", 0)
	if closed.Rule != "closed" || closed.Retraction != (belfry.Retraction{CollapseKey: "k7"}) {
		t.Errorf("got %+v", closed)
	}
}

var _ rules.Decoder = (*envelope.Decoder)(nil)
