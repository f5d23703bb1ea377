package server

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
)

// testKey is a VAPID key as a page gets it.
const testKey = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"

// testPolicy has a channel that tells of all, one of two categories, and one of a
// consumer's own.
func testPolicy() *reach.Policy {
	return &reach.Policy{Channels: []reach.Channel{
		{Name: "browser", Kind: inbox.EndpointWebPush, Tell: []reach.Rule{{After: 30 * time.Second}}},
		{Name: "mail", Kind: inbox.EndpointMail, Tell: []reach.Rule{{Categories: []string{"approval", "board"}}}},
		{Name: "chat", Kind: inbox.EndpointText, Tell: []reach.Rule{{}}},
	}}
}

func testLinks(t testing.TB) *links.Signer {
	t.Helper()
	s, err := links.NewSigner([]byte(testSecret), "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// withReach opens what reaches users.
func withReach(t testing.TB) func(*Config) {
	signer := testLinks(t)
	return func(c *Config) {
		c.Reach.Policy, c.Reach.PushKey, c.Reach.Links = testPolicy, testKey, signer
	}
}

// subscribed is a browser's subscription with that endpoint and keys of its own.
func subscribed(t testing.TB, endpoint string, more ...string) string {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	auth := make([]byte, 16)
	_, _ = rand.Read(auth)
	encode := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"endpoint":%q,"expirationTime":null,"keys":{"p256dh":%q,"auth":%q}%s}`, endpoint, encode(key.PublicKey().Bytes()), encode(auth), strings.Join(more, ""))
}

// patched and placed are answers as a client decodes them.
type patched struct {
	User     string `json:"user"`
	Version  uint64 `json:"version"`
	Language string `json:"language"`
	Zone     string `json:"zone"`
	Quiet    []struct {
		Days []string `json:"days"`
		From string   `json:"from"`
		To   string   `json:"to"`
	} `json:"quiet"`
	UrgentPasses bool `json:"urgent_passes"`
	Channels     map[string]struct {
		On         *bool           `json:"on"`
		Categories map[string]bool `json:"categories"`
	} `json:"channels"`
	Available []struct {
		Channel    string   `json:"channel"`
		Kind       string   `json:"kind"`
		Categories []string `json:"categories"`
	} `json:"available"`
}

type placed struct {
	Version       uint64 `json:"version"`
	Endpoint      uint64 `json:"endpoint"`
	Host          string `json:"host"`
	Subscriptions []struct {
		Endpoint uint64 `json:"endpoint"`
		Host     string `json:"host"`
	} `json:"subscriptions"`
}

// TestPreferences has patches merged, nulls take away, and the answer be the result.
func TestPreferences(t *testing.T) {
	t.Parallel()
	a := newAPI(t, withReach(t))
	const path = "/v1/users/kim/preferences"
	got := servertest.Into[patched](a.get(path).Want(200))
	if len(got.Available) != 3 || got.Available[0].Kind != "webpush" || got.Available[0].Categories != nil || strings.Join(got.Available[1].Categories, " ") != "approval board" || got.Channels != nil {
		t.Errorf("at first: got %+v", got)
	}
	patch := func(body string) patched {
		t.Helper()
		return servertest.Into[patched](a.call("PATCH", path, body, "Content-Type", "application/merge-patch+json").Want(200))
	}
	got = patch(`{"language":"ko","zone":"Asia/Seoul","quiet":[{"days":["mon","tue"],"from":"22:00","to":"07:00"}],"urgent_passes":true,"channels":{"browser":{"on":true,"categories":{"board":false}}}}`)
	if got.Version != 1 || got.Language != "ko" || got.Zone != "Asia/Seoul" || len(got.Quiet) != 1 || got.Quiet[0].From != "22:00" || !got.UrgentPasses || got.Channels["browser"].Categories["board"] {
		t.Errorf("set: got %+v", got)
	}
	got = patch(`{"language":null,"quiet":null,"channels":{"browser":{"categories":{"approval":false}},"mail":{"on":false}}}`)
	if on := got.Channels["mail"].On; got.Language != "" || got.Quiet != nil || got.Zone != "Asia/Seoul" || len(got.Channels["browser"].Categories) != 2 || on == nil || *on {
		t.Errorf("merged: got %+v", got)
	}
	if again := servertest.Into[patched](a.get(path + "?min_version=2").Want(200)); again.Version != 2 || len(again.Channels) != 2 {
		t.Errorf("read: got %+v", again)
	}
	a.get(path+"?min_version=x").WantProblem(400, "min_version")
	// A channel that an operator took away can be taken away by its user.
	patch(`{"channels":{"fax":null,"mail":null}}`)

	a.fake.HoldRows = true
	held := servertest.Into[patched](a.call("PATCH", path, `{"zone":"UTC"}`).Want(202))
	if held.Zone != "Asia/Seoul" {
		t.Errorf("not shown yet: got %+v", held)
	}
}

// TestPreferencesFull refuses what would be more than 4 KiB in all: by the row that was
// seen, and by the row after the command where another came in between.
func TestPreferencesFull(t *testing.T) {
	a := newAPI(t, withReach(t))
	const path = "/v1/users/kim/preferences"
	categories := func(n int) string {
		var b strings.Builder
		for i := range 30 {
			fmt.Fprintf(&b, `%s"%s%d":false`, map[bool]string{true: ","}[i > 0], strings.Repeat(string(rune('a'+n)), 50), i)
		}
		return `{"channels":{"browser":{"categories":{` + b.String() + `}}}}`
	}
	a.call("PATCH", path, categories(0)).Want(200)
	before := a.fake.Offset
	a.call("PATCH", path, categories(1)).Want(200)
	a.call("PATCH", path, categories(2)).WantProblem(409, "")
	if a.fake.Offset != before+1 {
		t.Error("it was written all the same")
	}
	// A link of a message works all the same.
	off := links.Link{Action: links.Unsubscribe, User: "kim", Channel: "browser", Category: strings.Repeat("z", 900), Until: time.Now().Add(time.Hour)}
	a.call("POST", testLinks(t).URL(off), "").Want(204)
	if got := servertest.Into[patched](a.get(path).Want(200)).Channels["browser"].On; got == nil || *got {
		t.Error("the channel is not off")
	}
	a.call("PATCH", path, `{"channels":null}`).Want(200)
	a.call("PATCH", path, categories(0)).Want(200)
	a.call("PATCH", path, `{"language":"`+strings.Repeat("x", 20<<10)+`"}`).WantProblem(413, "")
	a.call("PATCH", path, `{"channels":null}`).Want(200)
	a.call("PATCH", path, categories(2)).Want(200)
}

// TestPushSubscriptions has one be registered, found again, renewed and taken away, with
// nothing of its endpoint shown but the host.
func TestPushSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withReach(t))
		const path, endpoint = "/v1/users/kim/push-subscriptions", "https://fcm.googleapis.com/fcm/send/secret-part"
		body := subscribed(t, endpoint)
		first := a.call("PUT", path, body).Want(201)
		if got := servertest.Into[placed](first); got.Endpoint != 1 || got.Host != "fcm.googleapis.com" {
			t.Errorf("added: got %s", first.Body)
		}
		again := a.call("PUT", path, body).Want(200)
		if got := servertest.Into[placed](again); got.Endpoint != 1 || a.fake.Offset != 1 {
			t.Errorf("again: got %s and %d records, want none more", again.Body, a.fake.Offset)
		}
		upper := strings.Replace(body, "fcm.googleapis.com", "FCM.Googleapis.com", 1)
		if a.call("PUT", path, upper).Want(200); a.fake.Offset != 1 {
			t.Error("another case of the host is another endpoint")
		}
		time.Sleep(29 * 24 * time.Hour)
		a.call("PUT", path, body).Want(200)
		time.Sleep(24 * time.Hour)
		if got := servertest.Into[placed](a.call("PUT", path, body).Want(201)); got.Endpoint != 2 {
			t.Errorf("after 30 days: got %+v, want it renewed", got)
		}
		// Other keys at the same endpoint are another subscription in its place.
		a.call("PUT", path, subscribed(t, endpoint)).Want(201)
		a.call("PUT", path, subscribed(t, "https://updates.push.services.mozilla.com/wpush/v2/secret-part")).Want(201)
		list := a.get(path).Want(200)
		if got := servertest.Into[placed](list); len(got.Subscriptions) != 2 || got.Subscriptions[0].Endpoint != 3 || got.Subscriptions[1].Host != "updates.push.services.mozilla.com" || strings.Contains(list.Body.String(), "secret") {
			t.Errorf("listed: got %s", list.Body)
		}
		a.call("DELETE", path, fmt.Sprintf(`{"endpoint":%q}`, endpoint)).Want(200)
		a.call("DELETE", path, fmt.Sprintf(`{"endpoint":%q}`, endpoint)).Want(200)
		if got := servertest.Into[placed](a.get(path).Want(200)); len(got.Subscriptions) != 1 || got.Subscriptions[0].Endpoint != 4 {
			t.Errorf("taken away: got %+v", got)
		}
	})
}

// TestPushSubscriptionsAreLimited has the oldest of many go, and new ones come at a rate.
func TestPushSubscriptionsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withReach(t))
		put := func(user string, i int) servertest.Reply {
			return a.call("PUT", "/v1/users/"+user+"/push-subscriptions", subscribed(t, fmt.Sprintf("https://web.push.apple.com/%d", i)))
		}
		for i := range 30 {
			put("kim", i).Want(201)
		}
		if got := servertest.Into[placed](a.get("/v1/users/kim/push-subscriptions").Want(200)); len(got.Subscriptions) != inbox.MaxEndpoints || got.Subscriptions[0].Endpoint != 11 {
			t.Errorf("got %+v, want the newest %d", got, inbox.MaxEndpoints)
		}
		put("kim", 30).WantHeader("Retry-After", "30").WantProblem(429, "")
		put("lee", 0).Want(201)
		a.call("PUT", "/v1/users/kim/addresses/mail", `{"address":"kim@example.com"}`).Want(201) // a service's
		time.Sleep(30 * time.Second)
		put("kim", 30).Want(201)
	})
}

// TestAddresses has a service say where a user is reached: one address by mail, and any
// that a consumer of its own knows.
func TestAddresses(t *testing.T) {
	a := newAPI(t, withReach(t))
	put := func(kind, address string, status int) uint64 {
		t.Helper()
		return servertest.Into[placed](a.call("PUT", "/v1/users/kim/addresses/"+kind, fmt.Sprintf(`{"address":%q}`, address)).Want(status)).Endpoint
	}
	put("mail", "kim@example.com", 201)
	put("mail", "kim@example.com", 200)
	put("mail", "kim@example.org", 201)
	put("text", "room-7", 201)
	put("text", "room-8", 201)
	row, _ := a.fake.Row("kim")
	if mail, text := row.Endpoints(inbox.EndpointMail), row.Endpoints(inbox.EndpointText); len(mail) != 1 || mail[0].Seq != 2 || len(text) != 2 || a.fake.Offset != 4 {
		t.Errorf("got %+v, %+v and %d records", mail, text, a.fake.Offset)
	}
	a.fake.Mu.Lock()
	delete(a.fake.Endpoints, inbox.EndpointKey("kim", 2)) // the contents are behind the rows
	a.fake.Mu.Unlock()
	if put("mail", "kim@example.org", 200); a.fake.Offset != 4 {
		t.Errorf("an address whose content is late is registered again: %d records", a.fake.Offset)
	}
	a.call("DELETE", "/v1/users/kim/addresses/text", `{"address":"room-7"}`).Want(200)
	if row, _ = a.fake.Row("kim"); len(row.Endpoints(inbox.EndpointText)) != 1 {
		t.Error("it is still there")
	}
}

// TestExportHasReach has preferences and endpoints at the end of an export, and nothing of
// a subscription but the host.
func TestExportHasReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, withReach(t))
		a.call("PATCH", "/v1/users/kim/preferences", `{"language":"ko"}`).Want(200)
		a.call("PUT", "/v1/users/kim/push-subscriptions", subscribed(t, "https://fcm.googleapis.com/secret-part")).Want(201)
		a.call("PUT", "/v1/users/kim/addresses/mail", `{"address":"kim@example.com"}`).Want(201)
		_, got, _ := strings.Cut(a.get("/v1/users/kim/export").Want(200).Body.String(), "\n")
		want := `{"preferences":{"language":"ko"}}
{"endpoint":2,"host":"fcm.googleapis.com","kind":"webpush","added_at":"2000-01-01T00:00:00Z"}
{"endpoint":3,"kind":"mail","address":"kim@example.com","added_at":"2000-01-01T00:00:00Z"}
`
		if got != want {
			t.Errorf("got\n%s want\n%s", got, want)
		}
		a.call("DELETE", "/v1/users/kim", "").Want(202)
		if _, got, _ := strings.Cut(a.get("/v1/users/kim/export").Want(200).Body.String(), "\n"); got != "" {
			t.Errorf("after an erasure: got %s", got)
		}
	})
}

// TestReachIsClosed answers 501 to all of it where the capability is closed, and for what
// an installation lacks.
func TestReachIsClosed(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.Features = inbox.FeatureTime })
	for _, call := range []struct{ method, path, body string }{
		{"GET", "/v1/users/kim/preferences", ""}, {"PATCH", "/v1/users/kim/preferences", `{}`},
		{"GET", "/v1/users/kim/push-subscriptions", ""}, {"PUT", "/v1/users/kim/push-subscriptions", `{}`}, {"DELETE", "/v1/users/kim/push-subscriptions", `{}`},
		{"PUT", "/v1/users/kim/addresses/mail", `{}`}, {"DELETE", "/v1/users/kim/addresses/mail", `{}`},
		{"GET", "/v1/users/kim/decisions/browser/1", ""}, {"GET", "/v1/push-key", ""}, {"GET", "/v1/links/x", ""}, {"POST", "/v1/links/x", ""}, {"POST", "/v1/bounces", `{}`},
	} {
		a.call(call.method, call.path, call.body).WantProblem(501, "")
	}
	open := newAPI(t)
	open.get("/v1/push-key").WantProblem(501, "")
	open.get("/v1/links/x").WantProblem(404, "")
	if got := servertest.Into[patched](open.get("/v1/users/kim/preferences").Want(200)); len(got.Available) != 0 {
		t.Errorf("got %+v without channels", got)
	}
}

// TestReachRefusals has every field of every body wrong, one at a time: the answer names
// it, and nothing is written.
func TestReachRefusals(t *testing.T) {
	a := newAPI(t, withReach(t), withJWT(t))
	const endpoint = "https://fcm.googleapis.com/fcm/send/secret-part"
	good := subscribed(t, endpoint)
	with := func(old, new string) string {
		t.Helper()
		changed := strings.Replace(good, old, new, 1)
		if changed == good {
			t.Fatalf("%s has no %s", good, old)
		}
		return changed
	}
	_, keys, _ := strings.Cut(good, `"keys":`)
	p256dh, auth := keys[len(`{"p256dh":"`):][:87], keys[len(keys)-len(`0123456789012345678901"}}`):][:22]
	off, _ := base64.RawURLEncoding.DecodeString(p256dh)
	off[64] ^= 1
	offCurve := base64.RawURLEncoding.EncodeToString(off)
	compressed := base64.RawURLEncoding.EncodeToString(append([]byte{2}, off[1:33]...))
	const prefs, subscriptions, mail, text = "/v1/users/kim/preferences", "/v1/users/kim/push-subscriptions", "/v1/users/kim/addresses/mail", "/v1/users/kim/addresses/text"
	for _, tt := range []struct {
		method, path, body string
		status             int
		field              string
	}{
		{"PATCH", prefs, ` `, 400, ""},
		{"PATCH", prefs, `null`, 400, ""},
		{"PATCH", prefs, `[]`, 400, ""},
		{"PATCH", prefs, `"ko"`, 400, ""},
		{"PATCH", prefs, `{"language":"ko","language":"en"}`, 400, "language"},
		{"PATCH", prefs, `{"lang":"ko"}`, 400, "lang"},
		{"PATCH", prefs, `{"lang":null}`, 400, "lang"},
		{"PATCH", prefs, `{"user":"lee"}`, 400, "user"},
		{"PATCH", prefs, `{"language":7}`, 400, "language"},
		{"PATCH", prefs, `{"language":""}`, 400, "language"},
		{"PATCH", prefs, `{"language":"no such language"}`, 400, "language"},
		{"PATCH", prefs, `{"zone":"Seoul"}`, 400, "zone"},
		{"PATCH", prefs, `{"zone":"Local"}`, 400, "zone"},
		{"PATCH", prefs, `{"zone":"../etc/passwd"}`, 400, "zone"},
		{"PATCH", prefs, `{"zone":9}`, 400, "zone"},
		{"PATCH", prefs, `{"quiet":{}}`, 400, "quiet"},
		{"PATCH", prefs, `{"quiet":[7]}`, 400, "quiet[0]"},
		{"PATCH", prefs, `{"quiet":[{"days":["mon"],"from":"22:00"}]}`, 400, "quiet[0].to"},
		{"PATCH", prefs, `{"quiet":[{"days":["mon"],"to":"22:00"}]}`, 400, "quiet[0].from"},
		{"PATCH", prefs, `{"quiet":[{"days":["monday"],"from":"22:00","to":"07:00"}]}`, 400, "quiet[0].days[0]"},
		{"PATCH", prefs, `{"quiet":[{"days":"mon","from":"22:00","to":"07:00"}]}`, 400, "quiet[0].days"},
		{"PATCH", prefs, `{"quiet":[{"from":"22:00","to":"07:00"},{"from":"25:00","to":"07:00"}]}`, 400, "quiet[1].from"},
		{"PATCH", prefs, `{"quiet":[{"from":"9:00","to":"07:00"}]}`, 400, "quiet[0].from"},
		{"PATCH", prefs, `{"quiet":[{"from":"22:00","to":7}]}`, 400, "quiet[0].to"},
		{"PATCH", prefs, `{"quiet":[{"from":"22:00","to":"07:00","until":"x"}]}`, 400, "quiet[0].until"},
		{"PATCH", prefs, `{"urgent_passes":"yes"}`, 400, "urgent_passes"},
		{"PATCH", prefs, `{"channels":[]}`, 400, "channels"},
		{"PATCH", prefs, `{"channels":{"fax":{"on":false}}}`, 400, "channels.fax"},
		{"PATCH", prefs, `{"channels":{"mail":false}}`, 400, "channels.mail"},
		{"PATCH", prefs, `{"channels":{"mail":{"on":"no"}}}`, 400, "channels.mail.on"},
		{"PATCH", prefs, `{"channels":{"mail":{"off":true}}}`, 400, "channels.mail.off"},
		{"PATCH", prefs, `{"channels":{"mail":{"categories":["board"]}}}`, 400, "channels.mail.categories"},
		{"PATCH", prefs, `{"channels":{"mail":{"categories":{"board":0}}}}`, 400, "channels.mail.categories.board"},
		{"PATCH", prefs, `{"channels":{"mail":{"categories":{"orders":false}}}}`, 400, "channels.mail.categories.orders"},

		{"PUT", subscriptions, ` `, 400, ""},
		{"PUT", subscriptions, `null`, 400, "endpoint"},
		{"PUT", subscriptions, `[]`, 400, ""},
		{"PUT", subscriptions, `{}`, 400, "endpoint"},
		{"PUT", subscriptions, `{"endpoint":7}`, 400, "endpoint"},
		{"PUT", subscriptions, `{"endpoint":"https://fcm.googleapis.com/x"}`, 400, "keys.p256dh"},
		{"PUT", subscriptions, with(auth, ""), 400, "keys.auth"},
		{"PUT", subscriptions, with(auth, auth[:20]), 400, "keys.auth"},
		{"PUT", subscriptions, with(auth, auth+"AA"), 400, "keys.auth"},
		{"PUT", subscriptions, with(auth, "!!!"), 400, "keys.auth"},
		{"PUT", subscriptions, with(p256dh, offCurve), 400, "keys.p256dh"},
		{"PUT", subscriptions, with(p256dh, compressed), 400, "keys.p256dh"},
		{"PUT", subscriptions, with(p256dh, p256dh[:80]), 400, "keys.p256dh"},
		{"PUT", subscriptions, with(p256dh, "BAAA"), 400, "keys.p256dh"},
		{"PUT", subscriptions, with(endpoint, "http://fcm.googleapis.com/x"), 400, "endpoint"},
		{"PUT", subscriptions, with(endpoint, "/fcm/send/x"), 400, "endpoint"},
		{"PUT", subscriptions, with(endpoint, "https://fcm.googleapis.com./secret-part"), 400, "endpoint"},
		{"PUT", subscriptions, with(endpoint, "https://push.example/secret-part"), 400, "endpoint"},
		{"PUT", subscriptions, with(endpoint, "https://169.254.169.254/secret-part"), 400, "endpoint"},
		{"PUT", subscriptions, with(endpoint, "https://[::1]/secret-part"), 400, "endpoint"},
		{"PUT", subscriptions, with(endpoint, "https://fcm.googleapis.com:8443/secret-part"), 400, "endpoint"},
		{"PUT", subscriptions, with(endpoint, "https://kim:secret-part@fcm.googleapis.com/x"), 400, "endpoint"},
		{"PUT", subscriptions, with(endpoint, "https://fcm.googleapis.com.example/secret-part"), 400, "endpoint"},
		{"PUT", subscriptions, with(endpoint, "https://fcm.googleapis.com/"+strings.Repeat("x", 2048)), 413, "endpoint"},
		{"PUT", subscriptions, with(endpoint, "https://fcm.googleapis.com/"+strings.Repeat("x", 9<<10)), 413, ""},
		{"PUT", subscriptions, with(`"expirationTime":null`, `"expirationTime":1000`), 400, "expirationTime"},
		{"PUT", subscriptions, with(`"expirationTime":null`, `"expirationTime":"never"`), 400, "expirationTime"},
		{"PUT", subscriptions, with(`"expirationTime":null`, `"expirationTime":1e300`), 400, "expirationTime"},
		{"DELETE", subscriptions, ` `, 400, ""},
		{"DELETE", subscriptions, `{}`, 400, "endpoint"},
		{"DELETE", subscriptions, `{"endpoint":[]}`, 400, "endpoint"},

		{"PUT", "/v1/users/kim/addresses/webpush", `{"address":"x"}`, 400, "kind"},
		{"PUT", "/v1/users/kim/addresses/fax", `{"address":"x"}`, 400, "kind"},
		{"DELETE", "/v1/users/kim/addresses/fax", `{"address":"x"}`, 400, "kind"},
		{"PUT", mail, `{}`, 400, "address"},
		{"PUT", mail, `{"address":null}`, 400, "address"},
		{"PUT", mail, `{"address":7}`, 400, "address"},
		{"PUT", mail, `{"address":"kim"}`, 400, "address"},
		{"PUT", mail, `{"address":"Kim <kim@example.com>"}`, 400, "address"},
		{"PUT", mail, `{"address":"kim@example.com, lee@example.com"}`, 400, "address"},
		{"PUT", mail, `{"address":"kim@example.com\r\nBcc: lee@example.com"}`, 400, "address"},
		{"PUT", mail, fmt.Sprintf(`{"address":"%s@example.com"}`, strings.Repeat("x", 250)), 413, "address"},
		{"PUT", text, `{"address":""}`, 400, "address"},
		{"PUT", text, `{"address":"a\nb"}`, 400, "address"},
		{"PUT", text, fmt.Sprintf(`{"address":%q}`, strings.Repeat("x", 1025)), 413, "address"},
		{"DELETE", mail, `{}`, 400, "address"},

		{"GET", "/v1/users/kim/decisions/browser/x", ``, 400, "version"},
		{"GET", "/v1/users/kim/decisions/browser/0", ``, 400, "version"},
		{"GET", "/v1/users/kim/decisions/browser/-1", ``, 400, "version"},
		{"POST", "/v1/links/x", ``, 404, ""},
		{"GET", "/v1/links/x", ``, 404, ""},
	} {
		t.Run(tt.method+" "+tt.path+" "+tt.body[:min(len(tt.body), 60)], func(t *testing.T) {
			a := newAPIWith(t, a)
			got := a.call(tt.method, tt.path, tt.body, "Authorization", "Bearer "+mint(t, "kim", "belfry:notify", "belfry:deliver"))
			got.WantProblem(tt.status, tt.field)
			if strings.Contains(got.Body.String(), "secret") || strings.Contains(got.Body.String(), auth) && tt.field != "keys.auth" {
				t.Errorf("the answer tells of the endpoint: %s", got.Body)
			}
		})
	}
	for _, tt := range []struct{ method, path, subject, scope string }{
		{"GET", prefs, "lee", "belfry:notify"}, {"PATCH", prefs, "lee", "belfry:deliver"}, {"PUT", subscriptions, "lee", ""},
		{"PUT", mail, "kim", "belfry:deliver"}, {"DELETE", mail, "kim", ""}, {"GET", "/v1/users/kim/decisions/browser/1", "kim", "belfry:notify"},
	} {
		a.call(tt.method, tt.path, `{}`, "Authorization", "Bearer "+mint(t, tt.subject, strings.Fields(tt.scope)...)).WantProblem(403, "")
	}
	a.call("PUT", subscriptions, good, "Content-Type", "text/plain", "Authorization", "Bearer "+mint(t, "kim")).WantProblem(415, "")
	a.call("DELETE", subscriptions, good, "Content-Type", "text/plain", "Authorization", "Bearer "+mint(t, "kim")).WantProblem(415, "")
	if got := a.call("PATCH", prefs, `{}`, "Content-Type", "text/plain", "Authorization", "Bearer "+mint(t, "kim")).WantProblem(415, ""); strings.Contains(got.Body.String(), "CloudEvent") {
		t.Errorf("preferences are told of events: %s", got.Body)
	}
	if a.fake.Offset != 0 {
		t.Errorf("%d records were written", a.fake.Offset)
	}
}
