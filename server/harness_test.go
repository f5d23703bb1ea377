package server

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/limit"
	"github.com/belfry/belfry/server/wire"
)

const testSecret = "a secret that only these tests know, and is long enough"

// api is a server on fake tables, called without a network.
type api struct {
	t    testing.TB
	ctx  context.Context // of the requests
	fake *servertest.Tables
	*Server
}

// newAPI returns an api without authentication, changed by edit.
func newAPI(t testing.TB, edit ...func(*Config)) *api {
	t.Helper()
	f := servertest.NewTables()
	config := Config{Rows: f, Items: f, Journal: f, Auth: auth.None()}
	for _, e := range edit {
		e(&config)
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	// How busy this machine is must not show in answers.
	s.load = limit.NewLoad(func() time.Duration { return 0 })
	return &api{t: t, ctx: t.Context(), fake: f, Server: s}
}

func withJWT(t testing.TB) func(*Config) {
	auth, err := auth.NewJWT(auth.JWTConfig{Secret: []byte(testSecret), Leeway: auth.DefaultLeeway})
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.Auth = auth }
}

func mint(t testing.TB, subject string, scopes ...string) string {
	t.Helper()
	token, err := auth.Token{Subject: subject, Scopes: scopes, TTL: time.Hour}.Sign([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// reply is an answer with its body.
type reply struct {
	t testing.TB
	*httptest.ResponseRecorder
}

// call sends a request as from this machine; a body is said to be JSON unless
// the headers, given as pairs, say otherwise.
func (a *api) call(method, path, body string, headers ...string) reply {
	a.t.Helper()
	r := httptest.NewRequestWithContext(a.ctx, method, "http://localhost"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	return reply{a.t, w}
}

func (a *api) get(path string, headers ...string) reply {
	a.t.Helper()
	return a.call(http.MethodGet, path, "", headers...)
}

// notify appends notifications with these titles for a user.
func (a *api) notify(user string, titles ...string) {
	a.t.Helper()
	for _, title := range titles {
		a.Append(user, servertest.Note(title))
	}
}

func (a *api) Append(user string, records ...inbox.Record) {
	a.t.Helper()
	for _, r := range records {
		if _, err := a.fake.Append(a.t.Context(), inbox.Addressed{Recipients: []string{user}, Record: r}); err != nil {
			a.t.Fatal(err)
		}
	}
}

func (r reply) Want(status int) reply {
	r.t.Helper()
	if r.Code != status {
		r.t.Fatalf("got status %d, want %d; body: %.500s", r.Code, status, r.Body)
	}
	return r
}

func (r reply) wantHeader(name, want string) reply {
	r.t.Helper()
	if got := r.Header().Get(name); got != want {
		r.t.Errorf("got %s %q, want %q", name, got, want)
	}
	return r
}

// wantProblem checks that the answer is a problem with that status and field.
func (r reply) wantProblem(status int, field string) reply {
	r.t.Helper()
	r.Want(status).wantHeader("Content-Type", "application/problem+json")
	p := into[problem](r)
	if p.Field != field || p.Status != status || p.Title == "" || p.Type == "" {
		r.t.Errorf("got problem %+v, want field %q", p, field)
	}
	if later := status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests; later != (r.Header().Get("Retry-After") != "") {
		r.t.Errorf("got Retry-After %q with status %d", r.Header().Get("Retry-After"), status)
	}
	return r
}

// into decodes the body of an answer.
func into[T any](r reply) T {
	r.t.Helper()
	var v T
	if err := json.Unmarshal(r.Body.Bytes(), &v); err != nil {
		r.t.Fatalf("decode %q: %v", r.Body, err)
	}
	return v
}

// fields returns the names in a JSON object, in order.
func (r reply) fields() string {
	r.t.Helper()
	return strings.Join(slices.Sorted(maps.Keys(into[map[string]json.RawMessage](r))), " ")
}

// shownPage and shownItem are inboxBody and wire.Item as a client decodes them.
type shownPage struct {
	inboxBody
	Items []shownItem `json:"items"`
}

type shownItem struct {
	wire.Item
	Priority string `json:"priority"`
}

func titles(items []shownItem) string {
	var out []string
	for _, it := range items {
		out = append(out, it.Title)
	}
	return strings.Join(out, " ")
}

var (
	_ Rows    = (*servertest.Tables)(nil)
	_ Items   = (*servertest.Tables)(nil)
	_ Journal = (*servertest.Tables)(nil)
)
