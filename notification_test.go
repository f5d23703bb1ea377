package belfry_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
)

// fieldOf returns the field that err names, or fails.
func fieldOf(t *testing.T, err error) string {
	t.Helper()
	var fe *belfry.FieldError
	if !errors.As(err, &fe) {
		t.Fatalf("error = %v, want a FieldError", err)
	}
	return fe.Field
}

func TestNotificationCheck(t *testing.T) {
	long, longURL := strings.Repeat("x", 257), "/"+strings.Repeat("x", 2048)
	type n = belfry.Notification
	for _, c := range []struct {
		name  string
		set   func(*n)
		field string // "-" = accepted
	}{
		{"least", func(n *n) {}, "-"},
		{"at every limit", func(n *n) {
			n.ID, n.Source, n.Type, n.CollapseKey = long[1:], long[1:], long[1:], long[1:]
			n.Actor = belfry.Actor{ID: long[1:], Name: long[1:], Avatar: longURL[1:]}
			n.Category, n.URL = long[:64], longURL[1:]
		}, "-"},
		{"no recipient", func(n *n) { n.Recipient = "" }, "recipient"},
		{"bad recipient", func(n *n) { n.Recipient = "a/b" }, "recipient"},
		{"no title", func(n *n) { n.Title = nil }, "title"},
		{"title without text", func(n *n) { n.Title = belfry.Text{"": "", "en": ""} }, "title"},
		{"title not UTF-8", func(n *n) { n.Title = belfry.PlainText("\xff") }, "title"},
		{"title not UTF-8 in a language", func(n *n) { n.Title = belfry.Text{"en": "a", "ko": "\xff"} }, "title.ko"},
		{"title of no language", func(n *n) { n.Title = belfry.Text{"e n": "a"} }, "title"},
		{"title with and without language", func(n *n) { n.Title = belfry.Text{"": "a", "en": "a"} }, "title"},
		{"body not UTF-8", func(n *n) { n.Body = belfry.PlainText("\xff") }, "body"},
		{"id too long", func(n *n) { n.ID = long }, "id"},
		{"source too long", func(n *n) { n.Source = long }, "source"},
		{"type too long", func(n *n) { n.Type = long }, "type"},
		{"category too long", func(n *n) { n.Category = long[:65] }, "category"},
		{"collapse key too long", func(n *n) { n.CollapseKey = long }, "collapse_key"},
		{"actor id too long", func(n *n) { n.Actor.ID = long }, "actor.id"},
		{"actor name too long", func(n *n) { n.Actor.Name = long }, "actor.name"},
		{"url too long", func(n *n) { n.URL = longURL }, "url"},
		{"avatar too long", func(n *n) { n.Actor.Avatar = longURL }, "actor.avatar"},
		{"id with a control character", func(n *n) { n.ID = "a\x00" }, "id"},
		{"category not UTF-8", func(n *n) { n.Category = "\xff" }, "category"},
		{"priority above all", func(n *n) { n.Priority = belfry.PriorityUrgent + 1 }, "priority"},
		{"priority below all", func(n *n) { n.Priority = belfry.PriorityLow - 1 }, "priority"},
		{"data", func(n *n) { n.Data = json.RawMessage(` {"a":1}`) }, "-"},
		{"data not an object", func(n *n) { n.Data = json.RawMessage(`[1]`) }, "data"},
		{"data not JSON", func(n *n) { n.Data = json.RawMessage(`{"a":}`) }, "data"},
		{"data not UTF-8", func(n *n) { n.Data = json.RawMessage("{\"a\":\"\xff\"}") }, "data"},
		{"time too early", func(n *n) { n.Time = time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC) }, "time"},
		{"time too late", func(n *n) { n.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "time"},
		{"expiry too late", func(n *n) { n.ExpiresAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "expires_at"},
		{"delivery in the past", func(n *n) { n.DeliverAt = time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC) }, "-"},
		{"delivery in less than a year", func(n *n) { n.DeliverAt = time.Now().AddDate(1, 0, -1) }, "-"},
		{"delivery in more than a year", func(n *n) { n.DeliverAt = time.Now().AddDate(1, 0, 1) }, "deliver_at"},
		{"delivery too early", func(n *n) { n.DeliverAt = time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC) }, "deliver_at"},
		{"delivery before the expiry", func(n *n) { n.DeliverAt, n.ExpiresAt = received, received.Add(time.Millisecond) }, "-"},
		{"delivery at the expiry", func(n *n) { n.DeliverAt, n.ExpiresAt = received, received }, "deliver_at"},
		{"delivery after the expiry", func(n *n) { n.DeliverAt, n.ExpiresAt = received.Add(time.Hour), received }, "deliver_at"},
		{"64 KiB", func(n *n) { n.Body = belfry.PlainText(strings.Repeat("x", belfry.MaxItemBytes-1)) }, "-"},
		{"over 64 KiB", func(n *n) { n.Body = belfry.PlainText(strings.Repeat("x", belfry.MaxItemBytes)) }, "body"},
		{"over 64 KiB with data", func(n *n) {
			n.Data = json.RawMessage(`{"a":"` + strings.Repeat("x", belfry.MaxItemBytes-7) + `"}`)
		}, "data"},
		{"over 64 KiB of titles", func(n *n) {
			n.Title = belfry.Text{"en": strings.Repeat("x", belfry.MaxItemBytes/2), "ko": strings.Repeat("x", belfry.MaxItemBytes/2)}
		}, "title"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := belfry.Notification{Recipient: "u", Title: belfry.PlainText("t")}
			c.set(&n)
			err := n.Check()
			if c.field == "-" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if got := fieldOf(t, err); got != c.field {
				t.Errorf("error = %v, want one of field %q", err, c.field)
			}
			if large := strings.HasPrefix(c.name, "over 64 KiB"); errors.Is(err, belfry.ErrTooLarge) != large {
				t.Errorf("%v is %v: %t, want %t", err, belfry.ErrTooLarge, !large, large)
			}
		})
	}
}

func TestCheckURL(t *testing.T) {
	for url, want := range map[string]bool{
		"": true, "https://example.com/a?b=c#d": true, "http://localhost:8080": true, "HTTPS://EXAMPLE.COM": true,
		"/orders/7": true, "orders/7": true, "?q=javascript:alert(1)": true, "#top": true, "../a": true,
		"/a//b": true, "/a:b": true, "https://예시.kr/주문": true, "/%5Chost": true, "http://[::1]/": true,

		"javascript:alert(1)": false, "JavaScript:alert(1)": false, "java\nscript:alert(1)": false,
		" javascript:alert(1)": false, "\x01javascript:alert(1)": false, "data:text/html,x": false,
		"vbscript:x": false, "blob:https://a/b": false, "file:///etc/passwd": false, "mailto:a@b": false,
		"//host": false, "///host": false, `\\host`: false, `/\host`: false, `\/host`: false, "/\t/host": false,
		"http:host": false, "https:///host": false, "http://": false, `http:\\host`: false,
		"http://user@host": false, "https://user:pw@host/": false, "http://@host": false,
		"ftp://host": false, "a b": false, "%zz": false, "1:2": false, "http://a\u0085": false, "/\xff": false,
	} {
		n := belfry.Notification{Recipient: "u", Title: belfry.PlainText("t"), URL: url}
		if err := n.Check(); (err == nil) != want || err != nil && fieldOf(t, err) != "url" {
			t.Errorf("url %q: %v, want accepted %t", url, err, want)
		}
		n.URL, n.Actor.Avatar = "", url
		if err := n.Check(); (err == nil) != want || err != nil && fieldOf(t, err) != "actor.avatar" {
			t.Errorf("avatar %q: %v, want accepted %t", url, err, want)
		}
	}
}

func TestRetractionCheck(t *testing.T) {
	long := strings.Repeat("x", 257)
	for _, c := range []struct {
		r     belfry.Retraction
		field string // "-" = accepted
	}{
		{belfry.Retraction{Recipient: "u", ID: "a"}, "-"},
		{belfry.Retraction{Recipient: "u", Source: "s", ID: "a"}, "-"},
		{belfry.Retraction{Recipient: "u", CollapseKey: "k"}, "-"},
		{belfry.Retraction{Recipient: "u"}, "id"},
		{belfry.Retraction{Recipient: "u", ID: "a", CollapseKey: "k"}, "id"},
		{belfry.Retraction{ID: "a"}, "recipient"},
		{belfry.Retraction{Recipient: "u", ID: long}, "id"},
		{belfry.Retraction{Recipient: "u", ID: "a", Source: "a\n"}, "source"},
		{belfry.Retraction{Recipient: "u", CollapseKey: "\xff"}, "collapse_key"},
	} {
		err := c.r.Check()
		if c.field == "-" {
			if err != nil {
				t.Errorf("%+v refused: %v", c.r, err)
			}
			continue
		}
		if got := fieldOf(t, err); got != c.field {
			t.Errorf("%+v: %v, want an error of field %q", c.r, err, c.field)
		}
	}
}

func TestNotificationSizeLeavesOutTheRecipient(t *testing.T) {
	n := belfry.Notification{ID: "a", Recipient: "u", Title: belfry.Text{"en": "abc"}, Data: json.RawMessage(`{}`)}
	if got, want := n.Size(), 1+2+3+2; got != want {
		t.Errorf("size = %d, want %d", got, want)
	}
}
