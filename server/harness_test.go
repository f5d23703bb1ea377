package server

import (
	"context"
	"net/http"
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
	config := Config{Rows: f, Items: f, Journal: f, Auth: auth.None(), Features: inbox.DefaultFeatures}
	for _, e := range edit {
		e(&config)
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	// The load of this machine must not show in answers.
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

// call sends a request as from this machine; a body is said to be JSON unless
// the headers, given as pairs, say otherwise.
func (a *api) call(method, path, body string, headers ...string) servertest.Reply {
	a.t.Helper()
	return servertest.Call(a.ctx, a.t, a.Handler(), method, path, body, headers...)
}

func (a *api) get(path string, headers ...string) servertest.Reply {
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

// fields returns the names in a JSON object, in order.

// shownPage and shownItem are a page and wire.Item as a client decodes them.
type shownPage struct {
	inboxHead
	Items []shownItem `json:"items"`
	Next  string      `json:"next"`
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
