package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/wire"
)

// accepted is the answer to notifications.
type accepted struct {
	Accepted int      `json:"accepted"`
	IDs      []string `json:"ids"`
}

func TestNotificationsAccepted(t *testing.T) {
	tests := []struct {
		name, body, key string
		accepted        int
		ids             string // of those that are not made
	}{
		{"single", `{"id":"n","recipient":"u","title":"x"}`, "", 1, "[n]"},
		{"recipients", `{"id":"n","recipients":["u","사용자-7","u"],"title":"x"}`, "", 2, "[n]"},
		{"array", ` [{"id":"a","recipients":["u","v"],"title":"x"},{"id":"b","recipient":"u","title":"y"}]`, "", 3, "[a b]"},
		{"key serves as id", `{"recipient":"u","title":"x"}`, "key-1", 1, "[key-1]"},
		{"id beats key", `{"id":"n","recipient":"u","title":"x"}`, "key-1", 1, "[n]"},
		{"key and index serve as ids", `[{"recipient":"u","title":"x"},{"id":"n","recipient":"u","title":"x"},{"recipient":"u","title":"x"}]`, "key-1", 3, "[key-1/0 n key-1/2]"},
		{"key in an array of one", `[{"recipient":"u","title":"x"}]`, "key-1", 1, "[key-1/0]"},
		{"byte order mark", "\ufeff" + `{"id":"n","recipient":"u","title":"x"}`, "", 1, "[n]"},
		{"in Connect's envelope", `{"schema":null,"payload":{"id":"n","recipient":"u","title":"x"}}`, "", 1, "[n]"},
		{"in a text", `"{\"id\":\"n\",\"recipient\":\"u\",\"title\":\"x\"}"`, "", 1, "[n]"},
		{"a CloudEvent by its looks", `[{"specversion":"1.0","id":"n","source":"/s","type":"t","subject":"u","data":{"title":"x"}}]`, "key-1", 1, "[n]"},
		{"unknown fields", `{"id":"n","recipient":"u","title":"x","unknown":{"a":[1]}}`, "", 1, "[n]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAPI(t)
			got := servertest.Into[accepted](a.call("POST", "/v1/notifications", tt.body, "Idempotency-Key", tt.key).Want(202))
			if got.Accepted != tt.accepted || fmt.Sprint(got.IDs) != tt.ids {
				t.Errorf("got %+v, want %d and %s", got, tt.accepted, tt.ids)
			}
			if len(a.fake.Items) != tt.accepted {
				t.Errorf("got %d items, want %d", len(a.fake.Items), tt.accepted)
			}
		})
	}
}

// TestNotificationsMadeIDs has a made id be the same for all recipients, and
// another for each notification.
func TestNotificationsMadeIDs(t *testing.T) {
	a := newAPI(t)
	got := servertest.Into[accepted](a.call("POST", "/v1/notifications",
		`[{"recipients":["u","v"],"title":"x"},{"recipient":"w","title":"y"}]`, "Content-Type", "application/json").Want(202))
	if len(got.IDs) != 2 || got.IDs[0] == got.IDs[1] || len(got.IDs[0]) < 20 {
		t.Fatalf("got ids %q, want two of enough randomness", got.IDs)
	}
	for key, want := range map[string]string{"u/1": got.IDs[0], "v/2": got.IDs[0], "w/3": got.IDs[1]} {
		if it := a.fake.Items[key]; it.ID != want || it.Source != "local" {
			t.Errorf("%s: got id %q and source %q, want %q and local", key, it.ID, it.Source, want)
		}
	}
}

func TestNotificationsTwice(t *testing.T) {
	a := newAPI(t)
	for range 2 {
		a.call("POST", "/v1/notifications", `{"recipient":"u","title":"x"}`, "Idempotency-Key", "k").Want(202)
	}
	if b := servertest.Into[wire.Badge](a.get("/v1/users/u/unread")); b.Unread != 1 || b.Version != 2 {
		t.Errorf("got %+v, want the second to change the version alone", b)
	}
}

func TestNotificationsBadInput(t *testing.T) {
	valid := `{"recipient":"u","title":"x"}`
	with := func(field string) string { return `{"recipient":"u","title":"x",` + field + `}` }
	array := func(n int) string { return "[" + strings.Repeat(valid+",", n-1) + valid + "]" }
	recipients := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"%d"`, i)
		}
		return `{"recipients":[` + b.String()[1:] + `],"title":"x"}`
	}
	long := strings.Repeat("x", 257)
	tests := []struct {
		name, body string
		status     int
		field      string
	}{
		{"not JSON", `{"recipient":`, 400, ""},
		{"form", `recipient=u`, 400, ""},
		{"garbage behind", valid + `x`, 400, ""},
		{"two values", valid + valid, 400, ""},
		{"null", `null`, 400, ""},
		{"text", `"x"`, 400, ""},
		{"number", `7`, 400, ""},
		{"empty array", `[]`, 400, ""},
		{"array cut short", `[` + valid, 400, ""},
		{"null in an envelope", `{"schema":null,"payload":null}`, 400, ""},
		{"half a surrogate pair", `{"recipient":"\ud800","title":"x"}`, 400, "recipient"},
		{"array of numbers", `[1]`, 400, "[0]"},
		{"array in an array", `[[]]`, 400, "[0]"},
		{"no recipient", `{"title":"x"}`, 400, "recipient"},
		{"no title", `{"recipient":"u"}`, 400, "title"},
		{"empty title", `{"recipient":"u","title":""}`, 400, "title"},
		{"in an array", `[` + valid + `,{"recipient":"u"}]`, 400, "[1].title"},
		{"deep in an array", `[` + valid + `,` + with(`"actor":{"avatar":"javascript:1"}`) + `]`, 400, "[1].actor.avatar"},
		{"recipient number", `{"recipient":7,"title":"x"}`, 400, "recipient"},
		{"recipient empty", `{"recipient":"","title":"x"}`, 400, "recipient"},
		{"recipient of 129 bytes", `{"recipient":"` + string(make129()) + `","title":"x"}`, 400, "recipient"},
		{"recipient with slash", `{"recipient":"a/b","title":"x"}`, 400, "recipient"},
		{"recipient with control", `{"recipient":"a\u0000","title":"x"}`, 400, "recipient"},
		{"recipient reserved", `{"recipient":"__a","title":"x"}`, 400, "recipient"},
		{"recipient dots", `{"recipient":"..","title":"x"}`, 400, "recipient"},
		{"recipient in a list", `[{"recipients":["a","b/"],"title":"x"}]`, 400, "[0].recipients[1]"},
		{"recipients empty", `{"recipients":[],"title":"x"}`, 400, "recipients"},
		{"both recipients", `{"recipient":"u","recipients":["u"],"title":"x"}`, 400, "recipients"},
		{"title number", `{"recipient":"u","title":1}`, 400, "title"},
		{"title language", `{"recipient":"u","title":{"en":1}}`, 400, "title.en"},
		{"no language", `{"recipient":"u","title":{"!":"x"}}`, 400, "title"},
		{"priority", with(`"priority":"huge"`), 400, "priority"},
		{"priority number", with(`"priority":1`), 400, "priority"},
		{"category", with(`"category":"` + long + `"`), 400, "category"},
		{"id", with(`"id":"` + long + `"`), 400, "id"},
		{"url scheme", with(`"url":"javascript:alert(1)"`), 400, "url"},
		{"url host", with(`"url":"//evil.example"`), 400, "url"},
		{"url backslash", with(`"url":"/\\evil.example"`), 400, "url"},
		{"url data", with(`"url":"data:text/html,x"`), 400, "url"},
		{"time", with(`"time":"yesterday"`), 400, "time"},
		{"time number", with(`"time":1.5`), 400, "time"},
		{"time negative", with(`"expires_at":-1`), 400, "expires_at"},
		{"data", with(`"data":[1]`), 400, "data"},
		{"actor", with(`"actor":"me"`), 400, "actor"},
		{"1,001 notifications", array(1001), 413, "[1000]"},
		{"1,001 recipients", recipients(1001), 413, "recipients"},
		{"1,001 in all", `[` + recipients(1000) + `,` + valid + `]`, 413, "[1]"},
		{"item over 64 KiB", `[` + with(`"body":"`+strings.Repeat("x", belfry.MaxItemBytes)+`"`) + `]`, 413, "[0].body"},
		{"body over 1 MiB", strings.Repeat(" ", 1<<20) + valid, 413, ""},
	}
	a := newAPI(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			newAPIWith(t, a).call("POST", "/v1/notifications", tt.body).WantProblem(tt.status, tt.field)
		})
	}
	if a.fake.Offset != 0 {
		t.Errorf("got %d records of refused calls, want 0", a.fake.Offset)
	}
	got := a.call("POST", "/v1/notifications", valid, "Idempotency-Key", long).WantProblem(400, "Idempotency-Key")
	a.call("POST", "/v1/notifications", "["+valid+"]", "Idempotency-Key", long[:255]).WantProblem(400, "Idempotency-Key")
	full := fmt.Sprintf(`{"recipient":"u","title":"x","body":%q}`, strings.Repeat("x", belfry.MaxItemBytes-100))
	a.call("POST", "/v1/notifications", full).Want(202)
	a.call("POST", "/v1/notifications", full, "Idempotency-Key", long[:200]).WantProblem(400, "Idempotency-Key")
	if !json.Valid(got.Body.Bytes()) {
		t.Errorf("got %s", got.Body)
	}
	a.call("POST", "/v1/notifications", array(1000)).Want(202)
	a.call("POST", "/v1/notifications", recipients(1000)).Want(202)
}

func FuzzNotifications(f *testing.F) {
	for _, mode := range []string{"application/json", "application/cloudevents+json", "application/cloudevents-batch+json", ""} {
		for _, body := range []string{
			`{"recipient":"u","title":"x"}`, `[{"recipients":["u","v"],"title":{"ko":"x"}}]`,
			structured, `[` + structured + `]`, `{"specversion":"1.0","data_base64":1}`, `{"data_base64":"e30=","specversion":"1.0"}`,
			`{"specversion":"0.3","datacontentencoding":null}`, `null`, ``, `[null]`,
		} {
			f.Add(mode, body)
		}
	}
	f.Fuzz(func(t *testing.T, mode, body string) {
		a := newAPI(t)
		headers := []string{"Content-Type", mode}
		if mode == "" {
			headers = []string{"Content-Type", "application/json", "Ce-Specversion", "1.0", "Ce-Id", body, "Ce-Type", "t", "Ce-Source", body, "Ce-Time", body, "Ce-Subject", "u"}
			body = `{"title":"x"}`
		}
		got := a.call("POST", "/v1/notifications", body, headers...)
		switch got.Code {
		case 202:
			b := servertest.Into[accepted](got)
			if b.Accepted != int(a.fake.Offset) || b.Accepted < len(b.IDs) || len(b.IDs) == 0 {
				t.Errorf("got %+v with %d records", b, a.fake.Offset)
			}
			for key, it := range a.fake.Items {
				n := it.Notification
				n.Recipient, _, _ = strings.Cut(key, "/")
				if err := n.Check(); err != nil || n.ID == "" || n.Source == "" {
					t.Errorf("accepted %+v: %v", n, err)
				}
			}
		case 400, 413, 415:
			if a.fake.Offset != 0 {
				t.Errorf("refused, with %d records", a.fake.Offset)
			}
		default:
			t.Errorf("got %d: %s", got.Code, got.Body)
		}
	})
}
