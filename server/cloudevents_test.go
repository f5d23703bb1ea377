package server

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

const structured = `{"specversion":"1.0","id":"e1","source":"/board","type":"comment.added","subject":"사용자-7",
	"time":"2026-01-02T03:04:05.6789Z","ext":{"a":1},"data":{"title":"x","unknown":1}}`

const (
	eventType = "application/cloudevents+json"
	batchType = "application/cloudevents-batch+json; charset=utf-8"
)

// TestCloudEventsModes sends the same event in the three modes.
func TestCloudEventsModes(t *testing.T) {
	binary := []string{
		"Content-Type", "application/json", "Ce-Specversion", "1.0", "Ce-Id", "e1", "Ce-Source", "/board", "Ce-Type", "comment.added",
		"Ce-Subject", "%EC%82%AC%EC%9A%A9%EC%9E%90-7", "Ce-Time", "2026-01-02T03:04:05.6789Z", "Ce-Ext", "%zz",
	}
	for name, send := range map[string]func(*api) servertest.Reply{
		"structured": func(a *api) servertest.Reply {
			return a.call("POST", "/v1/notifications", structured, "Content-Type", eventType)
		},
		"binary": func(a *api) servertest.Reply { return a.call("POST", "/v1/notifications", `{"title":"x"}`, binary...) },
		"batch": func(a *api) servertest.Reply {
			return a.call("POST", "/v1/notifications", "["+structured+"]", "Content-Type", batchType)
		},
		"base64": func(a *api) servertest.Reply {
			data := `"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(`{"title":"x"}`)) + `"`
			return a.call("POST", "/v1/notifications", strings.Replace(structured, `"data":{"title":"x","unknown":1}`, data, 1), "Content-Type", eventType)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			if got := servertest.Into[accepted](send(a).Want(202)); got.Accepted != 1 || got.IDs[0] != "e1" {
				t.Errorf("got %+v", got)
			}
			it := a.fake.Items[inbox.ItemKey("사용자-7", 1)]
			want := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
			if it.ID != "e1" || it.Source != "/board" || it.Type != "comment.added" || !it.Time.Equal(want) || it.Title[""] != "x" {
				t.Errorf("got %+v", it)
			}
		})
	}
}

// TestCloudEventsOfTheSDK sends what the CloudEvents SDK's own client writes
// (github.com/cloudevents/sdk-go/v2 v2.16.2), recorded.
func TestCloudEventsOfTheSDK(t *testing.T) {
	const event = `{"specversion":"1.0","id":"e1","source":"urn:orders","type":"order.shipped","subject":"user-7","datacontenttype":"application/json","data":{"title":"x"},"traceparent":"00-1-2-3"}`
	a := newAPI(t)
	a.call("POST", "/v1/notifications", "["+event+","+event+"]", "Content-Type", "application/cloudevents-batch+json").Want(http.StatusAccepted)
	a.call("POST", "/v1/notifications", `{"title":"x"}`, "Ce-Id", "e1", "Ce-Source", "urn:orders", "Ce-Specversion", "1.0", "Ce-Subject", "user-7",
		"Ce-Traceparent", "00-1-2-3", "Ce-Type", "order.shipped", "Content-Type", "application/json").Want(http.StatusAccepted)
	if b := servertest.Into[wire.Badge](a.get("/v1/users/user-7/unread")); b.Unread != 1 || b.Version != 3 {
		t.Errorf("got %+v, want one item of three equal events", b)
	}
}

// TestCloudEventsDataComesFirst has the data's own fields beat the event's.
func TestCloudEventsDataComesFirst(t *testing.T) {
	a := newAPI(t)
	a.call("POST", "/v1/notifications", `{"specversion":"1.0","id":"e","source":"s","type":"t","subject":"orders/17",
		"data":{"id":"d","source":"ds","type":"dt","recipients":["u","v"],"title":"x","time":"2026-05-05T00:00:00Z"}}`, "Content-Type", eventType).Want(202)
	for _, key := range []string{"u/1", "v/2"} {
		if it := a.fake.Items[key]; it.ID != "d" || it.Source != "ds" || it.Type != "dt" || it.Time.Month() != time.May {
			t.Errorf("%s: got %+v", key, it)
		}
	}
}

func TestCloudEventsBadInput(t *testing.T) {
	const head = `"specversion":"1.0","id":"e","source":"s","type":"t"`
	long := strings.Repeat("x", 257)
	tests := []struct {
		name, body string
		status     int
		field      string
	}{
		{"not JSON", `{`, 400, ""},
		{"null", `null`, 400, "specversion"},
		{"no version", `{"id":"e","source":"s","type":"t","data":{}}`, 400, "specversion"},
		{"old version", `{"specversion":"0.3","id":"e","source":"s","type":"t","data":{}}`, 400, "specversion"},
		{"version number", `{"specversion":1.0}`, 400, "specversion"},
		{"no id", `{"specversion":"1.0","source":"s","type":"t","data":{}}`, 400, "id"},
		{"id list", `{"specversion":"1.0","id":[1],"source":"s","type":"t","data":{}}`, 400, "id"},
		{"id of half a surrogate pair", `{"specversion":"1.0","id":"\ud800","source":"s","type":"t","data":{}}`, 400, "id"},
		{"id twice", `{` + head + `,"id":"e2","data":{}}`, 400, "id"},
		{"source twice", `{` + head + `,"source":"s","data":{}}`, 400, "source"},
		{"subject twice", `{` + head + `,"subject":"a","subject":"b","data":{}}`, 400, "subject"},
		{"recipient twice", `{` + head + `,"data":{"title":"x","recipient":"a","recipient":"b"}}`, 400, "data.recipient"},
		{"no source", `{"specversion":"1.0","id":"e","type":"t","data":{}}`, 400, "source"},
		{"no type", `{"specversion":"1.0","id":"e","source":"s","data":{}}`, 400, "type"},
		{"long type", `{"specversion":"1.0","id":"e","source":"s","type":"` + long + `","subject":"u","data":{"title":"x"}}`, 400, "type"},
		{"no data", `{` + head + `,"subject":"u"}`, 400, "data"},
		{"data is XML", `{` + head + `,"subject":"u","datacontenttype":"text/xml","data":"<x/>"}`, 400, "datacontenttype"},
		{"data is a text", `{` + head + `,"subject":"u","data":"x"}`, 400, "data"},
		{"data twice", `{` + head + `,"data":{},"data_base64":"e30="}`, 400, "data_base64"},
		{"base64 number", `{` + head + `,"data_base64":1}`, 400, "data_base64"},
		{"base64 broken", `{` + head + `,"data_base64":"!"}`, 400, "data_base64"},
		{"no recipient", `{` + head + `,"data":{"title":"x"}}`, 400, "data.recipient"},
		{"bad subject", `{` + head + `,"subject":"a/b","data":{"title":"x"}}`, 400, "subject"},
		{"bad recipient", `{` + head + `,"subject":"u","data":{"title":"x","recipient":"a/b"}}`, 400, "data.recipient"},
		{"no title", `{` + head + `,"subject":"u","data":{}}`, 400, "data.title"},
		{"time", `{` + head + `,"subject":"u","time":"yesterday","data":{"title":"x"}}`, 400, "time"},
		{"time long ago", `{` + head + `,"subject":"u","time":"1492-10-12T00:00:00Z","data":{"title":"x"}}`, 400, "time"},
		{"too large", `{` + head + `,"subject":"u","data":{"title":"` + strings.Repeat("x", belfry.MaxItemBytes) + `"}}`, 413, "data.title"},
	}
	a := newAPI(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			newAPIWith(t, a).call("POST", "/v1/notifications", tt.body, "Content-Type", eventType).WantProblem(tt.status, tt.field)
			if tt.name == "not JSON" {
				return
			}
			field := "[1]"
			if tt.field != "" {
				field += "." + tt.field
			}
			newAPIWith(t, a).call("POST", "/v1/notifications", "["+structured+","+tt.body+"]", "Content-Type", batchType).WantProblem(tt.status, field)
		})
	}
	for name, value := range map[string]string{"Ce-Specversion": "0.3", "Ce-Subject": "%zz", "Ce-Id": ""} {
		headers := []string{"Ce-Specversion", "1.0", "Ce-Id", "e", "Ce-Source", "s", "Ce-Type", "t", "Ce-Subject", "u", name, value}
		a.call("POST", "/v1/notifications", `{"title":"x"}`, headers...).WantProblem(400, strings.ToLower(name))
	}
	if a.fake.Offset != 0 {
		t.Errorf("got %d records of refused calls, want 0", a.fake.Offset)
	}
}

func TestCloudEventsHeaderValue(t *testing.T) {
	for in, want := range map[string]string{
		`plain`: "plain", `a%20b`: "a b", `"a\"b\\c"`: `a"b\c`, `"%EA%B0%80"`: "가", `a+b`: "a+b", `"`: `"`,
	} {
		if got, err := headerValue(in); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", in, got, err, want)
		}
	}
}

// TestHeadersThatDecideStandOnce holds that what names an event, or a call, is not in
// two headers: a proxy may have looked at the other one.
func TestHeadersThatDecideStandOnce(t *testing.T) {
	a := newAPI(t)
	post := func(header http.Header) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/v1/notifications", strings.NewReader(`{"recipient":"a","title":"x"}`))
		r.Header = header
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, r)
		return w
	}
	event := func() http.Header {
		return http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"e"}, "Ce-Source": {"s"}, "Ce-Type": {"t"}}
	}
	if got := post(event()); got.Code != http.StatusAccepted {
		t.Fatalf("got %d, %s", got.Code, got.Body)
	}
	for _, name := range []string{"Ce-Id", "Ce-Source", "Ce-Type", "Ce-Specversion", idempotencyKey} {
		header := event()
		header[name] = append(header[name], "x", "y")
		if got := post(header); got.Code != http.StatusBadRequest || !strings.Contains(strings.ToLower(got.Body.String()), `"field":"`+strings.ToLower(name)+`"`) {
			t.Errorf("%s twice: got %d, %s", name, got.Code, got.Body)
		}
	}
}
