package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/pb33f/libopenapi/orderedmap"
	"go.yaml.in/yaml/v4"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/opstest"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/lagpage"
	"github.com/belfry/belfry/server/limit"
	"github.com/belfry/belfry/server/ops"
)

// operation is one operation of the document.
type operation struct {
	*v3.Operation
	method, path string
	parameters   []*v3.Parameter
	security     []string // scopes; nil without authentication
}

// exchange is one request and the status that answers it.
type exchange struct {
	name         string
	method, path string
	values       map[string]string // of the path
	query        url.Values
	header       http.Header
	body         string
	token        bool // whether to send one
	subject      string
	scopes       []string
	status       int
	anything     bool // the document's schema need not hold for the request
	prepare      func(*api)
}

// exchanges returns what the document gives of an operation: one for each
// example of a body, one for each example of a parameter with the rest as in
// the first, and one for each status that follows from the caller or the
// server's state. An example's x-status is its answer; without one it is the
// first of the operation.
func (o operation) exchanges(t *testing.T) []exchange {
	t.Helper()
	first := exchange{
		name: "plain", method: o.method, path: o.path, values: map[string]string{},
		query: url.Values{}, header: http.Header{}, token: o.security != nil, scopes: o.security,
		status: statusOf(t, o.Responses.Codes.First().Key()),
	}
	for _, p := range o.parameters {
		if p.Required != nil && *p.Required {
			if p.Examples.Len() == 0 {
				t.Fatalf("parameter %s has no example", p.Name)
			}
			first = first.with(t, p, p.Examples.First().Value())
		}
	}
	bodies := o.bodies(t, first)
	if len(bodies) > 0 {
		first = bodies[0]
	}
	out := append([]exchange{first}, bodies...)
	if o.method == http.MethodGet {
		e := first.clone()
		e.name, e.prepare = "lively", enliven
		out = append(out, e)
	}
	for _, p := range o.parameters {
		for name, example := range p.Examples.FromOldest() {
			e := first.with(t, p, example)
			e.name, e.status = p.Name+" "+name, expect(t, example, first.status)
			out = append(out, e)
		}
	}
	return append(out, o.failures(t, first)...)
}

func (o operation) bodies(t *testing.T, e exchange) []exchange {
	t.Helper()
	if o.RequestBody == nil {
		return nil
	}
	var out []exchange
	for mediaType, m := range o.RequestBody.Content.FromOldest() {
		if m.Examples.Len() == 0 {
			t.Fatalf("body %s has no example", mediaType)
		}
		for name, example := range m.Examples.FromOldest() {
			e := e.clone()
			e.name, e.status = mediaType+" "+name, expect(t, example, e.status)
			e.header.Set("Content-Type", mediaType)
			headers := map[string]string{}
			decodeExtension(t, example.Extensions, "x-headers", &headers)
			for k, v := range headers {
				e.header.Set(k, v)
			}
			body, err := json.Marshal(decode[any](t, example))
			if err != nil {
				t.Fatal(err)
			}
			e.body = string(body)
			out = append(out, e)
		}
	}
	return out
}

// exampleTime is when the document's examples are sent.
var exampleTime = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// ahead matches the times of a body that have to be ahead.
var ahead = regexp.MustCompile(`("(?:until|deliver_at|expires_at)":")([^"]*Z)"`)

// asOfNow returns a body whose times are as far ahead as the document's are of the
// time of its examples.
func asOfNow(body string) string {
	return ahead.ReplaceAllStringFunc(body, func(field string) string {
		parts := ahead.FindStringSubmatch(field)
		at, err := time.Parse(time.RFC3339, parts[2])
		if err != nil {
			return field
		}
		return parts[1] + at.Add(time.Since(exampleTime)).Format(time.RFC3339) + `"`
	})
}

// enliven has the first user use all that an answer tells of alone if it is used.
func enliven(a *api) {
	later := time.Now().Add(time.Hour)
	a.Append("user-7",
		inbox.Record{Kind: inbox.KindMute, Category: "board"},
		inbox.Record{Kind: inbox.KindSnooze, Seqs: []uint64{4}, Until: later.UnixMilli()})
	sendNote(a, "user-7", fmt.Sprintf(`{"id":"later","source":"board","title":"later","deliver_at":%q}`, later.UTC().Format(time.RFC3339)))
	for i, who := range []string{"lee", "kim", "lee"} {
		sendNote(a, "user-7", fmt.Sprintf(`{"id":"%d","source":"board","title":"a comment","collapse_key":"post-13","actor":{"id":%[2]q,"name":"N"}}`, i, who))
	}
}

// crowd leaves a user no room for what is hidden or muted.
func crowd(a *api, user string) {
	for range inbox.MaxHidden {
		sendNote(a, user, fmt.Sprintf(`{"title":"later","deliver_at":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339)))
	}
	for i := range inbox.MaxMutes {
		a.Append(user, inbox.Record{Kind: inbox.KindMute, Category: fmt.Sprint("c", i)})
	}
	for i := range inbox.MaxTopics {
		a.Append(user, inbox.Record{Kind: inbox.KindSubscribe, Topic: fmt.Sprint("t", i)})
	}
	a.Append("lee", inbox.Record{Kind: inbox.KindPrefs, Prefs: fmt.Appendf(nil, `{"of_later":%q}`, strings.Repeat("x", inbox.MaxPrefsBytes-20))})
}

// failures returns an exchange for each documented status that no example can
// show.
func (o operation) failures(t *testing.T, first exchange) []exchange {
	t.Helper()
	var out []exchange
	for code, response := range o.Responses.Codes.FromOldest() {
		e := first.clone()
		e.name, e.status, e.anything = "status "+code, statusOf(t, code), true
		switch e.status {
		case http.StatusUnauthorized:
			e.token = false
		case http.StatusForbidden:
			e.subject, e.scopes = "someone-else", nil
		case http.StatusBadRequest:
			if o.RequestBody == nil {
				continue // parameters have examples of that
			}
			e.body = `{"seqs":`
		case http.StatusRequestEntityTooLarge:
			e.body += strings.Repeat(" ", maxBodyBytes+1)
		case http.StatusUnsupportedMediaType:
			e.header.Set("Content-Type", "text/plain")
		case http.StatusServiceUnavailable:
			e.prepare = degrade
		case http.StatusTooManyRequests:
			e.prepare = func(a *api) {
				exhaust(a)
				one := limit.NewAllowance(0.001, 1)
				a.writes, a.lists = limit.NewCalls(limit.ErrWrites, one, one), limit.NewCalls(limit.ErrLists, one, one)
				for _, calls := range []*limit.Calls{a.writes, a.lists} {
					if err := calls.Take(e.caller(), false, 1, time.Now()); err != nil {
						a.t.Fatal(err)
					}
				}
				if token := e.values["token"]; token != "" {
					exhaustLinks(a, token)
				}
			}
		case http.StatusNotImplemented:
			for _, b := range o.bodies(t, first) {
				later := b.status == http.StatusAccepted && strings.Contains(b.body, "deliver_at")
				later = later || b.status == http.StatusAccepted && strings.Contains(b.body, `"audience"`)
				if later || strings.Contains(b.body, "seqs") && strings.Contains(b.body, "up_to") {
					e.body = b.body
				}
			}
			e.prepare = func(a *api) { a.guard.Tickets, a.config.Features = nil, 0 }
		case http.StatusConflict:
			for _, b := range o.bodies(t, first) {
				if strings.Contains(b.body, `"audience"`) && b.status == http.StatusAccepted {
					e.body = b.body
				}
			}
			e.prepare = func(a *api) {
				crowd(a, "user-7")
				a.fake.CloseBoard(0)
			}
		case http.StatusOK:
			if _, ok := media(response, "text/event-stream"); !ok {
				continue
			}
			e.prepare = degrade // a stream that cannot be had is one that says bye
		case http.StatusAccepted:
			if first.status == http.StatusAccepted {
				continue
			}
			e.prepare = func(a *api) { a.fake.HoldRows = true }
		default:
			continue
		}
		out = append(out, e)
	}
	return out
}

// contractAPI returns a server with the users of the document: each has four
// items, of which the first is archived and the second read. The first user is
// at version 6.
func contractAPI(t *testing.T) *api {
	page := lagpage.New()
	page.Show(contractLag())
	a := newAPI(t, withJWT(t), func(c *Config) {
		withReach(t)(c)
		c.Boards, c.Features = c.Rows.(*servertest.Tables), inbox.DefaultFeatures|inbox.FeatureBroadcast
		c.MetricsOnAPI = true
		c.Pages = http.NotFoundHandler()
		installation := opstest.New()
		withOps(installation)(c)
		c.Readiness = func() []Condition { return []Condition{{Name: "unread view", Ready: true}} }
		c.LagMetrics = page
		installation.Collected = contractLag()
	})
	a.fake.Epoch = contractEpoch
	a.fake.OpenBoards(2, 100)
	for _, user := range []string{"user-7", "사용자-7"} {
		first := uint64(a.fake.Offset) + 1
		for i, text := range []string{
			`{"id":"a1","source":"approvals","category":"approval","title":"Granted"}`,
			`{"id":"b2","source":"board","category":"board","title":{"en":"A reply","ko":"답글"},"collapse_key":"post-12"}`,
			`{"id":"b3","source":"board","category":"board","title":"새 댓글","body":"본문","expires_at":"2099-01-01T00:00:00Z"}`,
			`{"id":"a4","source":"approvals","type":"approval.requested","category":"approval","priority":"urgent",
			  "title":{"en":"An approval waits","ko":"결재 대기"},"body":{"en":"Three days off","ko":"사흘 휴가"},"url":"/approvals/4",
			  "actor":{"id":"minji","name":"김민지","avatar":"https://intranet.example/m.png"},"data":{"days":3},"time":"1999-12-31T09:00:00Z"}`,
		} {
			note, err := belfry.ParseNotification([]byte(text), belfry.Notification{Recipient: user})
			if err != nil {
				t.Fatalf("item %d: %v", i, err)
			}
			a.Append(user, inbox.Record{Kind: inbox.KindNotify, Notification: note.Notification})
		}
		a.Append(user,
			inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{first + 1}},
			inbox.Record{Kind: inbox.KindArchive, Seqs: []uint64{first}})
	}
	contractReach(a)
	return a
}

// contractReach has a user with a browser and an address, who is told of the one item in
// the browser.
func contractReach(a *api) {
	decode := func(text string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			a.t.Fatal(err)
		}
		return b
	}
	const user = "lee"
	a.Append(user,
		inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{
			Kind: inbox.EndpointWebPush, Target: "https://fcm.googleapis.com/fcm/send/lee", P256dh: decode(testKey), Auth: decode("BTBZMqHH6r4Tts7J_aSIgg"), AddedAt: time.Now(),
		}},
		inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{Kind: inbox.EndpointMail, Target: "lee@example.com", AddedAt: time.Now()}})
	note := servertest.Note("hello")
	note.Notification.Source = "board"
	a.Append(user, note)
	row, err := a.fake.Row(user)
	if err != nil {
		a.t.Fatal(err)
	}
	a.Append(user, inbox.Record{Kind: inbox.KindTell, Seqs: []uint64{15}, Tell: &inbox.Tell{
		Channel: "browser", Kind: inbox.EndpointWebPush, Evaluated: row.Version, GoodUntil: time.Now().Add(time.Hour).UnixMilli(),
	}})
}

func contractLag() lag.Report {
	committed := int64(40)
	return lag.NewReport(time.Now(), []lag.Group{{
		Name: "belfry-unread", State: "Stable", Protocol: "sticky", CatchUpNever: true,
		Members: []lag.Member{{ID: "belfry-1f3a", ClientID: "belfry", Host: "10.0.0.4", Partitions: 2, Topics: map[string]int{"belfry.journal": 2}}},
		Partitions: []lag.Partition{
			{Topic: "belfry.journal", Partition: 0, CurrentOffset: &committed, EndOffset: 43, Lag: 3, LagSeconds: 0.4},
			{Topic: "belfry.journal", Partition: 1, EndOffset: 40, Lag: 40, LagSeconds: 0.1},
		},
	}}).Failed(context.DeadlineExceeded)
}

// exhaust has the document's users have polled as often as they may.
func exhaust(a *api) {
	for _, user := range []string{"user-7", "사용자-7"} {
		for a.pollLimit.Take(user, time.Hour, time.Now()) == 0 {
		}
	}
}

// exhaustLinks has links of that one's user written as much as they may, but for the item
// that it reads.
func exhaustLinks(a *api, token string) {
	signer := testLinks(a.t)
	link, err := signer.Parse(token, time.Now())
	if err != nil {
		a.t.Fatal(err)
	}
	a.fake.Offset = int64(link.Seq) - 2
	if _, err := a.fake.Append(a.ctx, inbox.Addressed{Recipients: []string{link.User}, Record: servertest.Note("unread")}); err != nil {
		a.t.Fatal(err)
	}
	if row, err := a.fake.Row(link.User); err != nil || !row.Held(link.Seq) {
		a.t.Fatalf("%s holds no item %d, %v", link.User, link.Seq, err)
	}
	leave := signer.URL(links.Link{Action: links.Unsubscribe, User: link.User, Channel: "mail", Until: time.Now().Add(time.Hour)})
	on := false
	for a.call("POST", leave, fmt.Sprintf("on=%t", on), "Content-Type", "application/x-www-form-urlencoded").Code != http.StatusTooManyRequests {
		on = !on
	}
}

// degrade has everything fail that a server depends on.
func degrade(a *api) {
	a.fake.NotReady, a.fake.AppendErr = true, context.DeadlineExceeded
	a.config.Operations = ops.Config{}
	*a.ops = *ops.New(a.operations()) // the routes hold the pointer
	a.config.Readiness = func() []Condition { return []Condition{{Name: "unread view", Detail: "recovering"}} }
}

// with returns e with an example of a parameter.
func (e exchange) with(t *testing.T, p *v3.Parameter, example *base.Example) exchange {
	t.Helper()
	e = e.clone()
	switch p.In {
	case "path":
		e.values[p.Name] = decode[string](t, example)
	case "header":
		e.header.Set(p.Name, decode[string](t, example))
	case "query":
		e.query.Del(p.Name)
		var list []string
		if example.Value.Decode(&list) != nil {
			list = []string{decode[string](t, example)}
		}
		for _, v := range list {
			e.query.Add(p.Name, v)
		}
	default:
		t.Fatalf("parameter %s is in %s", p.Name, p.In)
	}
	return e
}

func (e exchange) clone() exchange {
	e.values, e.query, e.header = maps.Clone(e.values), maps.Clone(e.query), e.header.Clone()
	return e
}

// valid reports whether the request is one that the document allows.
func (e exchange) valid() bool { return !e.anything && e.status != http.StatusBadRequest }

// request returns the request, a new one each time.
func (e exchange) request(ctx context.Context, t *testing.T) *http.Request {
	t.Helper()
	path := e.path
	for name, value := range e.values {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	if len(e.query) > 0 {
		path += "?" + e.query.Encode()
	}
	r := httptest.NewRequestWithContext(ctx, e.method, "http://localhost"+path, strings.NewReader(asOfNow(e.body)))
	r.Header = e.header.Clone()
	if e.token {
		subject := e.caller()
		scopes := e.scopes
		// A caller that may act for any user is told that there can be no such user.
		if subject != e.values["user"] && e.subject == "" {
			scopes = append(scopes[:len(scopes):len(scopes)], auth.ScopeAdmin)
		}
		r.Header.Set("Authorization", "Bearer "+mint(t, subject, scopes...))
	}
	return r
}

// caller is the subject of the token.
func (e exchange) caller() string {
	subject := e.subject
	if subject == "" {
		subject = e.values["user"]
	}
	if belfry.CheckRecipient(subject) != nil {
		subject = "a-service"
	}
	return subject
}

func expect(t *testing.T, example *base.Example, otherwise int) int {
	t.Helper()
	status := otherwise
	decodeExtension(t, example.Extensions, "x-status", &status)
	return status
}

func statusOf(t *testing.T, code string) int {
	t.Helper()
	var status int
	if err := json.Unmarshal([]byte(code), &status); err != nil {
		t.Fatalf("status %q: %v", code, err)
	}
	return status
}

func decode[T any](t *testing.T, example *base.Example) T {
	t.Helper()
	var v T
	if example.Value == nil {
		t.Fatal("example without a value")
	}
	if err := example.Value.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// decodeExtension leaves to alone if there is no such extension.
func decodeExtension(t *testing.T, extensions *orderedmap.Map[string, *yaml.Node], name string, to any) {
	t.Helper()
	if extensions == nil {
		return
	}
	if node, ok := extensions.Get(name); ok {
		if err := node.Decode(to); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}
