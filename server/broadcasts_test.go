package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
)

// newBroadcastAPI returns an api with three partitions and room for two notices.
func newBroadcastAPI(t *testing.T, edit ...func(*Config)) *api {
	t.Helper()
	return newAPI(t, append([]func(*Config){func(c *Config) {
		f := c.Rows.(*servertest.Tables)
		f.OpenBoards(3, 2)
		c.Boards, c.Features = f, inbox.DefaultFeatures|inbox.FeatureBroadcast
	}}, edit...)...)
}

func (a *api) unread(user string) int {
	a.t.Helper()
	row, err := a.fake.Row(user)
	if err != nil {
		a.t.Fatal(err)
	}
	return int(row.Badge(time.Now()).Unread)
}

// A notice is one record in each partition, the same in all, and counts for everybody;
// taken back it counts for nobody.
func TestPostNotice(t *testing.T) {
	t.Parallel()
	a := newBroadcastAPI(t)
	a.notify("kim", "own")
	got := a.call(http.MethodPost, "/v1/notifications", `[{"audience":"all","id":"n1","title":"Maintenance"},{"recipients":["kim","choi"],"id":"p","title":"x"}]`)
	if want := `{"accepted":3,"ids":["n1","p"]}`; got.Code != http.StatusAccepted || strings.TrimSpace(got.Body.String()) != want {
		t.Fatalf("got %d %s, want %s", got.Code, got.Body, want)
	}
	var keys []string
	var expires []time.Time
	for _, e := range a.fake.Journal {
		if e.Record.Notification.Audience != "" {
			keys, expires = append(keys, e.Recipient), append(expires, e.Record.Notification.ExpiresAt)
		}
	}
	if !slices.Equal(keys, []string{"__0", "__1", "__2"}) || !expires[0].Equal(expires[1]) || !expires[0].Equal(expires[2]) ||
		expires[0].Before(time.Now().Add(belfry.NoticeStay-time.Minute)) {
		t.Errorf("records of %v, which expire at %v", keys, expires)
	}
	for user, want := range map[string]int{"kim": 3, "choi": 2, "somebody": 1} {
		if n := a.unread(user); n != want {
			t.Errorf("%s has %d unread, want %d", user, n, want)
		}
	}
	got = a.call(http.MethodPost, "/v1/retractions", `{"audience":"all","id":"n1"}`)
	if got.Code != http.StatusAccepted || strings.TrimSpace(got.Body.String()) != `{"accepted":1}` {
		t.Fatalf("got %d %s", got.Code, got.Body)
	}
	for user, want := range map[string]int{"kim": 2, "choi": 1, "somebody": 0} {
		if n := a.unread(user); n != want {
			t.Errorf("%s has %d unread after it was taken back, want %d", user, n, want)
		}
	}
}

// Processors that have just begun make the boards one by one: a notice waits for them as
// a command does.
func TestNoticeWaitsForBoards(t *testing.T) {
	t.Parallel()
	a := newBroadcastAPI(t)
	for p := range 3 {
		a.fake.CloseBoard(p)
	}
	done := make(chan servertest.Reply)
	go func() {
		done <- a.call(http.MethodPost, "/v1/notifications", `{"audience":"all","id":"n","title":"x"}`)
	}()
	for p := range 3 {
		servertest.WaitFor(t, func() bool {
			a.fake.Mu.Lock()
			defer a.fake.Mu.Unlock()
			return len(a.fake.Watchers[belfry.PartitionKey(int32(p))]) > 0
		})
		a.fake.OpenBoard(p)
	}
	if got := <-done; got.Code != http.StatusAccepted || a.unread("kim") != 1 {
		t.Errorf("got %d %s, %d unread", got.Code, got.Body, a.unread("kim"))
	}
}

// The id may come as a header, and the audience as an extension of a CloudEvent.
func TestPostNoticeAsCloudEvent(t *testing.T) {
	t.Parallel()
	a := newBroadcastAPI(t)
	for name, send := range map[string]func() servertest.Reply{
		"key": func() servertest.Reply {
			return a.call(http.MethodPost, "/v1/notifications", `{"audience":"all","title":"x"}`, "Idempotency-Key", "k")
		},
		"structured": func() servertest.Reply {
			return a.call(http.MethodPost, "/v1/notifications", `{"specversion":"1.0","id":"s","source":"/s","type":"t","audience":"all","data":{"title":"x"}}`, "Content-Type", "application/cloudevents+json")
		},
		"binary": func() servertest.Reply {
			return a.call(http.MethodPost, "/v1/notifications", `{"title":"x"}`, "ce-specversion", "1.0", "ce-id", "b", "ce-source", "/s", "ce-type", "t", "ce-subject", "what it is about", "ce-audience", "all")
		},
	} {
		before := len(a.fake.Journal)
		if got := send(); got.Code != http.StatusAccepted || len(a.fake.Journal) != before+3 {
			t.Errorf("%s: got %d %s, %d records", name, got.Code, got.Body, len(a.fake.Journal)-before)
		}
	}
}

// All that is wrong is said by its field before anything is written.
// schedule fills each board with so many notices that are hidden for a day.
func schedule(f *servertest.Tables, n int) {
	for p := range int32(3) {
		for i := range n {
			r := servertest.Notice("all", fmt.Sprint("later ", i))
			r.Notification.DeliverAt = time.Now().Add(24 * time.Hour)
			_, _ = f.Append(context.Background(), inbox.Addressed{Recipients: []string{belfry.PartitionKey(p)}, Record: r})
		}
	}
	f.Journal = nil
}

func TestNoticeRefusals(t *testing.T) {
	t.Parallel()
	sender := "Bearer " + mint(t, "portal", auth.ScopeBroadcast)
	notifier := "Bearer " + mint(t, "orders", auth.ScopeNotify)
	later := time.Now().Add(belfry.MaxNoticeStay + time.Hour).UTC().Format(time.RFC3339)
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	for _, c := range []struct {
		name, token, path, body string
		edit                    func(*Config)
		status                  int
		field, detail           string
	}{
		{name: "both", body: `{"audience":"all","recipient":"kim","id":"1","title":"x"}`, status: 400, field: "audience", detail: "not both"},
		{name: "neither", body: `{"id":"1","title":"x"}`, status: 400, field: "recipient", detail: "or audience"},
		{name: "a malformed topic", body: `{"audience":"topic:a/b","id":"1","title":"x"}`, status: 400, field: "audience", detail: "must not contain"},
		{name: "an unknown audience", body: `{"audience":"everyone","id":"1","title":"x"}`, status: 400, field: "audience", detail: "must be all or topic:"},
		{name: "too many at once", body: "[" + strings.Repeat(`{"audience":"all","id":"1","title":"x"},`, belfry.MaxNotices) + `{"audience":"all","id":"1","title":"x"}]`, status: 400, field: "audience", detail: "at most 250 notices"},
		{name: "no id", body: `{"audience":"all","title":"x"}`, status: 400, field: "id", detail: "Idempotency-Key"},
		{name: "one of several without an id", body: `[{"audience":"all","id":"1","title":"x"},{"audience":"all","title":"x"}]`, status: 400, field: "[1].id", detail: "is required for a notice"},
		{name: "too long a stay", body: `{"audience":"all","id":"1","title":"x","expires_at":"` + later + `"}`, status: 400, field: "expires_at", detail: "a year at most"},
		{name: "gone before it comes", body: `{"audience":"all","id":"1","title":"x","deliver_at":"` + later + `"}`, status: 400, field: "deliver_at", detail: "a year ahead"},
		{name: "over already", body: `{"audience":"all","id":"1","title":"x","expires_at":"2020-01-01T00:00:00Z"}`, status: 400, field: "expires_at", detail: "must be ahead"},
		{name: "what takes one back", body: `{"audience":"all","id":"1","title":"x","retract":true}`, status: 400, field: "retract", detail: "POST /v1/retractions"},
		{name: "a topic without a name", body: `{"audience":"topic:","id":"1","title":"x"}`, status: 400, field: "audience", detail: "must not be empty"},
		{name: "too long a topic", body: `{"audience":"topic:` + strings.Repeat("t", 65) + `","id":"1","title":"x"}`, status: 400, field: "audience", detail: "at most 64 bytes, has 65"},
		{name: "expiry before delivery", body: `{"audience":"all","id":"1","title":"x","deliver_at":"` + tomorrow + `","expires_at":"` + tomorrow + `"}`, status: 400, field: "deliver_at", detail: "before expires_at"},
		{name: "a partition without a board", body: `{"audience":"all","id":"1","title":"x"}`, status: 409, detail: "no notice board yet, or never: [1]",
			edit: func(c *Config) { c.Rows.(*servertest.Tables).CloseBoard(1) }},
		{name: "of another epoch", body: `{"audience":"all","id":"1","title":"x"}`, status: 409, detail: "[0 1 2]",
			edit: func(c *Config) { c.Rows.(*servertest.Tables).Epoch++ }},
		{name: "too many scheduled", body: `[{"audience":"all","id":"1","title":"x"},{"audience":"topic:t","id":"x","title":"x","deliver_at":"` + tomorrow + `"},{"audience":"all","id":"2","title":"x","deliver_at":"` + tomorrow + `"}]`,
			status: 409, detail: "100 notices are scheduled already", edit: func(c *Config) { schedule(c.Rows.(*servertest.Tables), 99) }},
		{name: "no boards", body: `{"audience":"all","id":"1","title":"x"}`, status: 409, detail: "knows no notice boards", edit: func(c *Config) { c.Boards = nil }},
		{name: "closed", body: `{"audience":"all","id":"1","title":"x"}`, status: 501, detail: "not open on this server", edit: func(c *Config) { c.Features = inbox.DefaultFeatures &^ inbox.FeatureBroadcast }},
		{name: "closed for retractions", path: "/v1/retractions", body: `{"audience":"all","id":"1"}`, status: 501, detail: "not open", edit: func(c *Config) { c.Features = inbox.FeatureTime }},
		{name: "without the scope", token: notifier, body: `{"audience":"all","id":"1","title":"x"}`, status: 403, detail: auth.ScopeBroadcast},
		{name: "a retraction without the scope", token: notifier, path: "/v1/retractions", body: `{"audience":"all","id":"1"}`, status: 403, detail: auth.ScopeBroadcast},
		{name: "a person's with the other scope", body: `{"recipient":"kim","id":"1","title":"x"}`, status: 403, detail: auth.ScopeNotify},
		{name: "a retraction of both", path: "/v1/retractions", body: `{"audience":"all","recipient":"kim","id":"1"}`, status: 400, field: "audience", detail: "not both"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // some wait
			edits := []func(*Config){withJWT(t)}
			if c.edit != nil {
				edits = append(edits, c.edit)
			}
			a := newBroadcastAPI(t, edits...)
			if c.token == "" {
				c.token = sender
			}
			if c.path == "" {
				c.path = "/v1/notifications"
			}
			got := a.call(http.MethodPost, c.path, c.body, "Authorization", c.token)
			if p := servertest.Into[problem](got); got.Code != c.status || p.Field != c.field || !strings.Contains(p.Detail, c.detail) {
				t.Errorf("got %d %s, want %d about %q with %q", got.Code, got.Body, c.status, c.field, c.detail)
			}
			if n := len(a.fake.Journal); n > 0 {
				t.Errorf("%d records were written", n)
			}
		})
	}
}

// faulty is a journal that fails at the n-th key of a write, 0 for never.
type faulty struct {
	Journal
	at int
}

func (f *faulty) Append(ctx context.Context, records ...inbox.Addressed) (out []inbox.Position, err error) {
	n := 0
	for _, r := range records {
		for _, key := range r.Recipients {
			if n++; n == f.at {
				return nil, errors.New("broker gone")
			}
			written, err := f.Journal.Append(ctx, inbox.Addressed{Recipients: []string{key}, Record: r.Record})
			if err != nil {
				return nil, err
			}
			out = append(out, written...)
		}
	}
	return out, nil
}

// After a failure in the middle the answer says what to do, and that does it.
func TestNoticeFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	journal := &faulty{at: 3}
	a := newBroadcastAPI(t, func(c *Config) { journal.Journal, c.Journal = c.Journal, journal })
	users := []string{"abc", "a", "ab"} // of partitions 0, 1 and 2
	has := func() (out []int) {
		for _, user := range users {
			out = append(out, a.unread(user))
		}
		return out
	}
	const notice = `{"audience":"all","id":"n1","title":"Maintenance"}`
	got := a.call(http.MethodPost, "/v1/notifications", notice)
	if p := servertest.Into[problem](got); got.Code != http.StatusServiceUnavailable || !strings.Contains(p.Detail, "send it again with the same id, which finishes it") {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	if n := has(); !slices.Equal(n, []int{1, 1, 0}) {
		t.Errorf("users have %v unread, want those of two partitions one", n)
	}
	journal.at = 0
	for range 2 {
		if got := a.call(http.MethodPost, "/v1/notifications", notice); got.Code != http.StatusAccepted {
			t.Errorf("again: got %d %s", got.Code, got.Body)
		}
		if n := has(); !slices.Equal(n, []int{1, 1, 1}) {
			t.Errorf("users have %v unread after it was sent again, want one each", n)
		}
	}
}

// A journal that cannot be asked about is 503 while nothing is written, and no error of
// ours.
func TestNoticeWithoutBrokers(t *testing.T) {
	t.Parallel()
	a := newBroadcastAPI(t)
	a.fake.NowErr = errors.New("unable to dial")
	for _, call := range [][2]string{{http.MethodPost, "/v1/notifications"}, {http.MethodGet, "/v1/broadcasts"}} {
		got := a.call(call[0], call[1], `{"audience":"all","id":"n1","title":"Maintenance"}`)
		if p := servertest.Into[problem](got); got.Code != http.StatusServiceUnavailable || strings.Contains(p.Detail, "dial") {
			t.Errorf("%s %s: got %d %s", call[0], call[1], got.Code, got.Body)
		}
	}
	if len(a.fake.Journal) > 0 {
		t.Errorf("%d records were written", len(a.fake.Journal))
	}
}

// Of a full board the oldest goes, and the answer names it; what goes otherwise it does not.
func TestFullBoard(t *testing.T) {
	t.Parallel()
	a := newBroadcastAPI(t)
	post := func(body string) servertest.Reply {
		t.Helper()
		got := a.call(http.MethodPost, "/v1/notifications", body)
		if got.Code != http.StatusAccepted {
			t.Fatalf("got %d %s", got.Code, got.Body)
		}
		return got
	}
	for _, id := range []string{"1", "2"} {
		if got := post(`{"audience":"all","id":"` + id + `","source":"/s","title":"title ` + id + `"}`); strings.Contains(got.Body.String(), "displaced") {
			t.Errorf("notice %s displaces something: %s", id, got.Body)
		}
	}
	if got := post(`{"audience":"all","id":"2","source":"/s","title":"again"}`); strings.TrimSpace(got.Body.String()) != `{"accepted":1,"ids":["2"],"known":["2"]}` {
		t.Errorf("got %s of a duplicate", got.Body)
	}
	got := post(`{"audience":"topic:news","id":"3","source":"/s","title":"x","collapse_key":"k"}`)
	if want := `"displaced":[{"id":"1","source":"/s","audience":"all","title":"title 1"}]`; !strings.Contains(got.Body.String(), want) {
		t.Errorf("got %s, want %s", got.Body, want)
	}
	if got := post(`{"audience":"topic:news","id":"4","source":"/s","title":"x","collapse_key":"k"}`); strings.Contains(got.Body.String(), "displaced") {
		t.Errorf("what takes the place of another one displaces something: %s", got.Body)
	}
	got = post(`[{"audience":"all","id":"5","source":"/s","title":"title 5"},{"audience":"all","id":"6","source":"/s","title":"x"},{"audience":"all","id":"7","source":"/s","title":"x"}]`)
	for _, want := range []string{`{"id":"5","source":"/s","audience":"all","title":"title 5"}`, `{"id":"2",`, `{"id":"4",`} {
		if body := got.Body.String(); !strings.Contains(body[strings.Index(body, "displaced"):], want) || strings.Contains(body, "known") {
			t.Errorf("got %s of more notices than a board holds, want %s displaced", body, want)
		}
	}
	// A notice that was taken back is known all the same.
	a.call(http.MethodPost, "/v1/retractions", `{"audience":"all","id":"7","source":"/s"}`)
	if got := post(`{"audience":"all","id":"7","source":"/s","title":"corrected"}`); !strings.Contains(got.Body.String(), `"known":["7"]`) {
		t.Errorf("got %s of one that was taken back", got.Body)
	}
}

func TestTopicsOfAUser(t *testing.T) {
	t.Parallel()
	a := newBroadcastAPI(t, withJWT(t), func(c *Config) { c.UserTopics = []string{"news"} })
	service := "Bearer " + mint(t, "hr", auth.ScopeNotify)
	kim, lee := "Bearer "+mint(t, "kim"), "Bearer "+mint(t, "lee")
	for _, c := range []struct {
		method, path, token string
		status              int
		body                string
	}{
		{"GET", "/v1/users/kim/topics", kim, 200, `"topics":[]`},
		{"PUT", "/v1/users/kim/topics/news", kim, 200, `"topics":["news"]`},
		{"PUT", "/v1/users/kim/topics/news", kim, 200, `"topics":["news"]`},
		{"PUT", "/v1/users/kim/topics/%EA%B3%B5%EC%A7%80", service, 200, `"topics":["news","공지"]`},
		{"PUT", "/v1/users/kim/topics/payroll", kim, 403, "--user-topics"},
		{"PUT", "/v1/users/kim/topics/news", lee, 403, "belfry:notify"},
		{"GET", "/v1/users/kim/topics", lee, 403, "belfry:notify"},
		{"GET", "/v1/users/kim/topics", service, 200, `"topics":["news","공지"]`},
		{"PUT", "/v1/users/kim/topics/a%2Fb", service, 400, `"field":"topic"`},
		{"PUT", "/v1/users/kim/topics/", service, 400, `must not be empty`},
		{"DELETE", "/v1/users/kim/topics/news", kim, 200, `"topics":["공지"]`},
		{"DELETE", "/v1/users/kim/topics/nothing", service, 200, `"topics":["공지"]`},
		{"PUT", "/v1/users/kim", kim, 403, "belfry:notify"},
	} {
		if got := a.call(c.method, c.path, "", "Authorization", c.token); got.Code != c.status || !strings.Contains(got.Body.String(), c.body) {
			t.Errorf("%s %s: got %d %s, want %d with %s", c.method, c.path, got.Code, got.Body, c.status, c.body)
		}
	}
	for i := range inbox.MaxTopics - 1 {
		a.Append("kim", inbox.Record{Kind: inbox.KindSubscribe, Topic: fmt.Sprint("topic-", i)})
	}
	if got := a.call(http.MethodPut, "/v1/users/kim/topics/one-more", "", "Authorization", service); got.Code != http.StatusConflict || !strings.Contains(got.Body.String(), "at most 256 topics") {
		t.Errorf("one more: got %d %s", got.Code, got.Body)
	}
	if got := a.call(http.MethodPut, "/v1/users/kim/topics/topic-0", "", "Authorization", service); got.Code != http.StatusOK {
		t.Errorf("one that is there: got %d %s", got.Code, got.Body)
	}
}

// A notice to a topic is for those who have subscribed before it, and who joins begins
// without the notices of before.
func TestTopicsAndJoin(t *testing.T) {
	t.Parallel()
	a := newBroadcastAPI(t)
	a.call(http.MethodPut, "/v1/users/kim/topics/news", "")
	for _, body := range []string{`{"audience":"topic:news","id":"1","title":"x"}`, `{"audience":"all","id":"2","title":"x"}`} {
		if got := a.call(http.MethodPost, "/v1/notifications", body); got.Code != http.StatusAccepted {
			t.Fatalf("got %d %s", got.Code, got.Body)
		}
	}
	a.call(http.MethodPut, "/v1/users/choi/topics/news", "")
	if kim, choi := a.unread("kim"), a.unread("choi"); kim != 2 || choi != 1 {
		t.Errorf("kim has %d unread, choi %d, want 2 and 1", kim, choi)
	}
	if got := a.call(http.MethodPut, "/v1/users/newcomer", ""); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), `"unread":0`) {
		t.Errorf("a newcomer: got %d %s", got.Code, got.Body)
	}
	if got := a.call(http.MethodPost, "/v1/notifications", `{"audience":"all","id":"3","title":"x"}`); got.Code != http.StatusAccepted || a.unread("newcomer") != 1 {
		t.Errorf("got %d, the newcomer has %d unread, want 1", got.Code, a.unread("newcomer"))
	}
}

func TestGetBroadcasts(t *testing.T) {
	t.Parallel()
	a := newBroadcastAPI(t)
	a.notify("abc", "own")
	a.notify("a", "own")
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	for _, body := range []string{
		`{"audience":"all","id":"1","source":"/s","title":{"en":"Hello","ko":"안녕"},"category":"board","time":"2026-01-01T00:00:00Z"}`,
		`{"audience":"topic:news","id":"2","source":"/s","title":"Later","time":"2026-01-02T00:00:00Z","deliver_at":"` + tomorrow.Format(time.RFC3339) + `"}`,
	} {
		if got := a.call(http.MethodPost, "/v1/notifications", body); got.Code != http.StatusAccepted {
			t.Fatalf("got %d %s", got.Code, got.Body)
		}
	}
	type listed struct {
		Partitions int
		Off        []int
		Users      *int
		AsOf       time.Time `json:"as_of"`
		Broadcasts []struct {
			ID, Source, Audience string
			Title                belfry.Text
			Until                time.Time
			Seqs                 map[string]uint64
			Reach                *struct{ Held, Seen, Read int }
		}
	}
	plain := servertest.Into[listed](a.get("/v1/broadcasts"))
	if len(plain.Broadcasts) != 2 || plain.Partitions != 3 || len(plain.Off) != 0 || plain.Users != nil {
		t.Fatalf("got %+v", plain)
	}
	if later, now := plain.Broadcasts[0], plain.Broadcasts[1]; later.ID != "2" || !later.Until.Equal(tomorrow) || later.Audience != "topic:news" || len(later.Seqs) != 3 ||
		now.ID != "1" || now.Source != "/s" || now.Title["ko"] != "안녕" || !now.Until.IsZero() || now.Reach != nil {
		t.Errorf("got %+v", plain.Broadcasts)
	}
	seq := plain.Broadcasts[1].Seqs["0"]
	a.call(http.MethodPost, "/v1/users/abc/inbox/seen", fmt.Sprintf(`{"seqs":[%d]}`, seq))
	counted := servertest.Into[listed](a.get("/v1/broadcasts?reach=1"))
	if r := counted.Broadcasts[1].Reach; r == nil || r.Held != 2 || r.Seen != 1 || r.Read != 0 || counted.Users == nil || *counted.Users != 2 || time.Since(counted.AsOf).Abs() > time.Hour {
		t.Errorf("got %+v of %v users as of %v", r, counted.Users, counted.AsOf)
	}
	if got := a.get("/v1/broadcasts?reach=2"); got.Code != http.StatusBadRequest {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
}

// Operators see what is live and since when; what it says admins alone, who ask for it, and
// that is logged.
func TestOpsBroadcasts(t *testing.T) {
	t.Parallel()
	var log servertest.Log
	a := newBroadcastAPI(t, withJWT(t), func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	portal, operator := "Bearer "+mint(t, "portal", auth.ScopeBroadcast), "Bearer "+mint(t, "olga", auth.ScopeOps)
	both := "Bearer " + mint(t, "olga", auth.ScopeOps, auth.ScopeAdmin)
	for _, body := range []string{
		`{"audience":"all","id":"secret-1","source":"/s","title":"secret one","category":"secret","time":"2026-01-01T00:00:00Z","expires_at":"` + time.Now().AddDate(0, 1, 0).UTC().Format(time.RFC3339) + `"}`,
		`{"audience":"topic:secret","id":"secret-2","source":"/s","title":"secret two","priority":"urgent","time":"2026-01-02T00:00:00Z"}`,
	} {
		if got := a.call(http.MethodPost, "/v1/notifications", body, "Authorization", portal); got.Code != http.StatusAccepted {
			t.Fatalf("got %d %s", got.Code, got.Body)
		}
	}
	const path = "/v1/ops/broadcasts"
	list := func(query, token string) (out notices) {
		t.Helper()
		return servertest.Into[notices](a.get(path+query, "Authorization", token).Want(http.StatusOK))
	}
	if got := a.get(path, "Authorization", operator); strings.Contains(got.Body.String(), "secret") {
		t.Errorf("shows what notices say: %s", got.Body)
	}
	plain := list("", operator)
	if len(plain.Broadcasts) != 2 || plain.Partitions != 3 || len(plain.Off) != 0 {
		t.Fatalf("got %+v", plain)
	}
	if topic, all := plain.Broadcasts[0], plain.Broadcasts[1]; topic.Audience != "" || topic.Priority != "urgent" || len(topic.Seqs) != 3 ||
		all.Audience != "all" || all.Count != 1 || all.ExpiresAt.IsZero() || all.Time.Year() != 2026 {
		t.Errorf("got %+v, %+v", topic, all)
	}
	if log.String() != "" && strings.Contains(log.String(), "shown to an operator") {
		t.Errorf("a look without contents is logged: %s", log.String())
	}
	if whole := list("?contents=1", both); whole.Broadcasts[0].Audience != "topic:secret" || whole.Broadcasts[1].Title["en"]+whole.Broadcasts[1].Title[""] != "secret one" || whole.Broadcasts[1].ID != "secret-1" {
		t.Errorf("got %+v with contents", whole.Broadcasts)
	}
	if text := log.String(); !strings.Contains(text, "contents shown to an operator") || !strings.Contains(text, "operator=olga") || !strings.Contains(text, "texts=2") || strings.Contains(text, "secret") {
		t.Errorf("got the log %q, want who looked", text)
	}
	for query, c := range map[string]struct {
		token  string
		status int
		field  string
	}{
		"?contents=1": {operator, http.StatusForbidden, ""}, "?contents=2": {both, http.StatusBadRequest, "contents"},
		"": {portal, http.StatusForbidden, ""}, "?contents=0": {"Bearer " + mint(t, "root", auth.ScopeAdmin), http.StatusForbidden, ""},
	} {
		a.get(path+query, "Authorization", c.token).WantProblem(c.status, c.field)
	}
	a.fake.NowErr = errors.New("unable to dial")
	a.get(path, "Authorization", operator).WantProblem(http.StatusServiceUnavailable, "")
}

// notices are the answer of the lists of what is live.
type notices struct {
	Partitions int
	Off        []int
	Broadcasts []struct {
		ID, Audience string
		Title        belfry.Text
		Priority     string
		Count        int
		Time         time.Time
		ExpiresAt    time.Time `json:"expires_at"`
		Seqs         map[string]uint64
	}
}
