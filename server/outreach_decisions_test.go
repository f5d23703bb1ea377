package server

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/links"
)

// left is a decision as a consumer decodes it.
type left struct {
	Decision  uint64      `json:"decision"`
	Kind      string      `json:"kind"`
	Language  string      `json:"language"`
	Items     []shownItem `json:"items"`
	Endpoints []struct {
		Endpoint     uint64 `json:"endpoint"`
		Address      string `json:"address"`
		Subscription *struct {
			Endpoint string `json:"endpoint"`
			Keys     struct {
				P256dh string `json:"p256dh"`
				Auth   string `json:"auth"`
			} `json:"keys"`
		} `json:"subscription"`
	} `json:"endpoints"`
	Badge struct {
		Unread int `json:"unread"`
	} `json:"badge"`
}

// decide has a channel tell a user of items, and returns the decision.
func decide(t *testing.T, a *api, channel string, kind inbox.EndpointKind, seqs ...uint64) uint64 {
	t.Helper()
	row, _ := a.fake.Row("kim")
	a.Append("kim", inbox.Record{Kind: inbox.KindTell, Seqs: seqs, Tell: &inbox.Tell{
		Channel: channel, Kind: kind, Evaluated: row.Version, GoodUntil: time.Now().Add(time.Hour).UnixMilli(),
	}})
	if row, _ = a.fake.Row("kim"); row.Reach.Channel(channel).Changed != row.Version {
		t.Fatalf("nothing was decided: %+v", row.Reach)
	}
	return row.Version
}

// TestDecisions has a consumer asked what is left of a decision, until nothing is.
func TestDecisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withReach(t))
		a.call("PUT", "/v1/users/kim/addresses/text", `{"address":"room-7"}`).Want(201)
		a.call("PATCH", "/v1/users/kim/preferences", `{"language":"ko"}`).Want(200)
		for _, note := range []string{`{"title":{"en":"one","ko":"하나"},"category":"board"}`, `{"title":"two"}`, `{"title":"three","category":"board"}`} {
			sendNote(a, "kim", note)
		}
		v := decide(t, a, "chat", inbox.EndpointText, 3, 4, 5)
		path := fmt.Sprintf("/v1/users/kim/decisions/chat/%d", v)
		ask := func() left {
			t.Helper()
			return servertest.Into[left](a.get(path).Want(200))
		}
		got := ask()
		if titles(got.Items) != "three two 하나" || got.Language != "ko" || got.Kind != "text" || got.Decision != v || got.Badge.Unread != 3 ||
			len(got.Endpoints) != 1 || got.Endpoints[0].Address != "room-7" || got.Endpoints[0].Endpoint != 1 {
			t.Errorf("got %+v", got)
		}
		a.call("POST", "/v1/users/kim/inbox/seen", `{"seqs":[4]}`).Want(200)
		if got = ask(); titles(got.Items) != "three 하나" {
			t.Errorf("one is seen: got %q", titles(got.Items))
		}
		for _, other := range []string{"chat/1", "browser/6", "fax/6"} {
			a.get("/v1/users/kim/decisions/"+other).WantProblem(404, "")
		}
		a.get("/v1/users/lee/decisions/chat/0").WantProblem(400, "version")

		// A row that is behind the decision is waited for, and contents are.
		start := time.Now()
		if got := a.get("/v1/users/kim/decisions/chat/999").WantProblem(503, ""); !strings.Contains(got.Body.String(), "this decision") || !strings.Contains(got.Body.String(), "never comes") {
			t.Errorf("got %s", got.Body)
		}
		if time.Since(start) == 0 {
			t.Error("it was not waited for")
		}
		a.fake.HoldItems = true
		a.notify("kim", "late")
		v = decide(t, a, "chat", inbox.EndpointText, a.fake.States["kim"].Items[3].Seq)
		path = fmt.Sprintf("/v1/users/kim/decisions/chat/%d", v)
		if got = ask(); len(got.Items) != 1 || !got.Items[0].Pending {
			t.Errorf("a content is late: got %+v", got.Items)
		}
		time.AfterFunc(time.Second, a.fake.Release)
		if got = ask(); titles(got.Items) != "late" {
			t.Errorf("a content came: got %+v", got.Items)
		}
		a.call("DELETE", "/v1/users/kim/addresses/text", `{"address":"room-7"}`).Want(200)
		a.get(path).WantProblem(404, "")
	})
}

// TestDecisionsOutOfTime has a consumer come late, or after its user has said something
// else: the decision is returned, as a sender returns it, and made anew.
func TestDecisionsOutOfTime(t *testing.T) {
	for _, tt := range []struct {
		name, prefs, since string
		priorities         []string
		after              time.Duration
		late               bool
	}{
		{name: "in time", priorities: []string{"normal"}, after: 59 * time.Minute},
		{name: "after an hour", priorities: []string{"normal"}, after: time.Hour + time.Second, late: true},
		{name: "urgent, after an hour", priorities: []string{"urgent"}, after: time.Hour + time.Second, late: true},
		{name: "before quiet hours", prefs: `{"quiet":[{"from":"00:10","to":"08:00"}]}`, priorities: []string{"normal"}, after: 9 * time.Minute},
		{name: "in quiet hours", prefs: `{"quiet":[{"from":"00:10","to":"08:00"}]}`, priorities: []string{"normal"}, after: 11 * time.Minute, late: true},
		{name: "in quiet hours elsewhere", prefs: `{"zone":"Asia/Seoul","quiet":[{"from":"09:10","to":"12:00"}]}`, priorities: []string{"normal"}, after: 11 * time.Minute, late: true},
		{name: "urgent in quiet hours", prefs: `{"urgent_passes":true,"quiet":[{"from":"00:10","to":"08:00"}]}`, priorities: []string{"urgent"}, after: 11 * time.Minute},
		{name: "urgent and not in quiet hours", prefs: `{"urgent_passes":true,"quiet":[{"from":"00:10","to":"08:00"}]}`, priorities: []string{"normal", "urgent"}, after: 11 * time.Minute, late: true},
		{name: "switched off since", priorities: []string{"normal"}, since: `{"channels":{"chat":{"on":false}}}`, late: true},
		{name: "another language since", priorities: []string{"normal"}, since: `{"language":"ko"}`, late: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // from midnight UTC
				a := newAPI(t, withReach(t))
				a.call("PUT", "/v1/users/kim/addresses/text", `{"address":"room-7"}`).Want(201)
				if tt.prefs != "" {
					a.call("PATCH", "/v1/users/kim/preferences", tt.prefs).Want(200)
				}
				var seqs []uint64
				for _, priority := range tt.priorities {
					sendNote(a, "kim", `{"title":"x","priority":"`+priority+`"}`)
					row, _ := a.fake.Row("kim")
					seqs = append(seqs, row.Version)
				}
				v := decide(t, a, "chat", inbox.EndpointText, seqs...)
				if tt.since != "" {
					a.call("PATCH", "/v1/users/kim/preferences", tt.since).Want(200)
				}
				time.Sleep(tt.after)
				path := fmt.Sprintf("/v1/users/kim/decisions/chat/%d", v)
				before := a.fake.Offset
				if !tt.late {
					if got := servertest.Into[left](a.get(path).Want(200)); len(got.Items) != len(seqs) || a.fake.Offset != before {
						t.Errorf("got %+v", got)
					}
					return
				}
				if got := a.get(path).WantProblem(404, ""); !strings.Contains(got.Body.String(), "made anew") {
					t.Errorf("got %s", got.Body)
				}
				// Nothing of it is lost, and it is returned once.
				row, _ := a.fake.Row("kim")
				for _, seq := range seqs {
					if item := row.Reach.Item(seq); item.By("chat") != 0 {
						t.Errorf("item %d is told by %d", seq, item.By("chat"))
					}
				}
				if state := row.Reach.Channel("chat"); len(state.Decisions) != 0 || state.Attempt != 0 || state.NotBefore > time.Now().UnixMilli() {
					t.Errorf("the channel is at %+v", state)
				}
				if a.get(path).WantProblem(404, ""); a.fake.Offset != before+1 {
					t.Errorf("%d records were written", a.fake.Offset-before)
				}
			})
		})
	}
}

// TestDecisionsOfBrowsers has subscriptions given as their browsers gave them, but those
// that have expired.
func TestDecisionsOfBrowsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withReach(t))
		body := subscribed(t, "https://fcm.googleapis.com/lasting")
		a.call("PUT", "/v1/users/kim/push-subscriptions", body).Want(201)
		soon := time.Now().Add(time.Minute).UnixMilli()
		a.call("PUT", "/v1/users/kim/push-subscriptions", strings.Replace(subscribed(t, "https://fcm.googleapis.com/ending"), "null", fmt.Sprintf("%d.5", soon), 1)).Want(201)
		a.notify("kim", "hello")
		v := decide(t, a, "browser", inbox.EndpointWebPush, 3)
		ask := func() left {
			return servertest.Into[left](a.get(fmt.Sprintf("/v1/users/kim/decisions/browser/%d", v)).Want(200))
		}
		if got := ask(); len(got.Endpoints) != 2 {
			t.Errorf("got %+v, want both", got.Endpoints)
		}
		time.Sleep(time.Minute)
		got := ask()
		if len(got.Endpoints) != 1 || got.Endpoints[0].Address != "" {
			t.Fatalf("got %+v, want the lasting one", got.Endpoints)
		}
		s := got.Endpoints[0].Subscription
		for _, want := range []string{s.Endpoint, s.Keys.P256dh, s.Keys.Auth} {
			if !strings.Contains(body, `"`+want+`"`) {
				t.Errorf("got %+v, want what was put: %s", s, body)
			}
		}
	})
}

// TestLinks has a link ask by GET, act by POST, and act once unless it unsubscribes.
func TestLinks(t *testing.T) {
	registry := prometheus.NewRegistry()
	a := newAPI(t, withReach(t), withJWT(t), func(c *Config) { c.Registry = registry })
	signer := testLinks(t)
	sendNote(a, "kim", `{"title":"hello"}`)
	read := signer.URL(links.Link{Action: links.Read, User: "kim", Seq: 1, Until: time.Now().Add(time.Hour)})
	page := a.get(read, "Accept", "text/html", "Accept-Language", "ko-KR,en;q=0.5").Want(200)
	page.WantHeader("Content-Type", "text/html; charset=utf-8").WantHeader("Referrer-Policy", "no-referrer").WantHeader("Cache-Control", "no-store")
	if text := page.Body.String(); !strings.Contains(text, `<html lang="ko">`) || !strings.Contains(text, "<button>읽음으로 표시</button>") || strings.Contains(text, "kim") {
		t.Errorf("got %s", text)
	}
	unread := func() int {
		row, _ := a.fake.Row("kim")
		return row.Badge(time.Now()).Unread
	}
	if unread() != 1 {
		t.Error("a GET has read it")
	}
	// As a worker of another origin sends it, or the form of the page.
	a.call("POST", read, "", "Origin", "https://acme.example", "Sec-Fetch-Site", "cross-site").Want(204)
	if unread() != 0 {
		t.Error("it is not read")
	}
	a.Append("kim", inbox.Record{Kind: inbox.KindUnread, Seqs: []uint64{1}})
	done := a.call("POST", read, "x=1", "Accept", "text/html", "Content-Type", "application/x-www-form-urlencoded").Want(200)
	if !strings.Contains(done.Body.String(), "marked as read") || unread() != 1 {
		t.Errorf("a second time: got %s and %d unread, want a link that is spent", done.Body, unread())
	}

	prefs := func(channel, category string) bool {
		row, _ := a.fake.Row("kim")
		return strings.Contains(string(row.Reach.Prefs), `"`+channel+`":{"categories":{"`+category+`":false}`)
	}
	off := links.Link{Action: links.Unsubscribe, User: "kim", Channel: "mail", Category: "board", Until: time.Now().Add(links.UnsubscribeLife)}
	unsubscribe := signer.URL(off)
	for range 2 { // in between its user has it back
		a.call("POST", unsubscribe, "List-Unsubscribe=One-Click", "Content-Type", "application/x-www-form-urlencoded").Want(204)
		if !prefs("mail", "board") {
			t.Error("the category is not off")
		}
		a.Append("kim", inbox.Record{Kind: inbox.KindPrefs, Prefs: []byte(`{"channels":null}`)})
	}
	a.call("POST", unsubscribe, "").Want(204)
	before := a.fake.Offset
	a.call("POST", unsubscribe, "").Want(204)
	if a.fake.Offset != before {
		t.Error("what is off already was written again")
	}
	off.Category = ""
	a.call("POST", signer.URL(off), "").Want(204)
	if row, _ := a.fake.Row("kim"); !strings.Contains(string(row.Reach.Prefs), `"on":false`) {
		t.Errorf("the channel is not off: %s", row.Reach.Prefs)
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(`# HELP belfry_unsubscribed_total Channels, or categories of one, that users have left by a link in a message, in one click or on its page, by channel.
# TYPE belfry_unsubscribed_total counter
belfry_unsubscribed_total{channel="mail"} 4
`), "belfry_unsubscribed_total"); err != nil {
		t.Error(err)
	}

	ended := signer.URL(links.Link{Action: links.Read, User: "kim", Seq: 1, Until: time.Now().Add(-time.Second)})
	a.call("POST", ended, "").WantProblem(404, "")
	if got := a.get(ended, "Accept", "text/html").Want(404); !strings.Contains(got.Body.String(), "has ended") {
		t.Errorf("got %s", got.Body)
	}
	// One that could not act is not spent.
	again := signer.URL(links.Link{Action: links.Read, User: "kim", Seq: 1, Until: time.Now().Add(time.Minute)})
	a.fake.AppendErr = fmt.Errorf("no broker")
	a.call("POST", again, "").WantProblem(503, "")
	a.fake.AppendErr = nil
	a.call("POST", again, "").Want(204)
	if unread() != 0 {
		t.Error("it is not read")
	}
}
