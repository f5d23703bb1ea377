package ops_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/opstest"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server"
	"github.com/belfry/belfry/server/auth"
)

const testSecret = "a secret that only these tests know, and is long enough"

// api is a server on fake tables and a fake installation, called without a
// network.
type api struct {
	t    testing.TB
	fake *servertest.Tables
	*server.Server
}

func opsAPI(t testing.TB, edit ...func(*server.Config)) (*api, *opstest.Fake) {
	t.Helper()
	f := opstest.New()
	f.Tables = servertest.NewTables()
	config := server.Config{Rows: f.Tables, Items: f.Tables, Journal: f.Tables, Auth: auth.None(), Operations: f.Config()}
	for _, e := range edit {
		e(&config)
	}
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return &api{t, f.Tables, s}, f
}

// send appends a notification that is given as JSON.
func (a *api) send(user, text string) {
	a.t.Helper()
	note, err := belfry.ParseNotification([]byte(text), belfry.Notification{Recipient: user})
	if err != nil {
		a.t.Fatal(err)
	}
	a.Append(user, inbox.Record{Kind: inbox.KindNotify, Notification: note.Notification})
}

func (a *api) Append(user string, record inbox.Record) {
	a.t.Helper()
	if _, err := a.fake.Append(a.t.Context(), inbox.Addressed{Recipients: []string{user}, Record: record}); err != nil {
		a.t.Fatal(err)
	}
}

// call sends a request as from this machine; headers are given as pairs.
func (a *api) call(method, path, body string, headers ...string) servertest.Reply {
	a.t.Helper()
	return a.within(a.t.Context(), method, path, body, headers...)
}

func (a *api) within(ctx context.Context, method, path, body string, headers ...string) servertest.Reply {
	a.t.Helper()
	return servertest.Call(ctx, a.t, a.Handler(), method, path, body, headers...)
}

func (a *api) get(path string, headers ...string) servertest.Reply {
	a.t.Helper()
	return a.call(http.MethodGet, path, "", headers...)
}

// bearer is the header of a token with these scopes.
func bearer(t testing.TB, ttl time.Duration, scopes ...string) string {
	t.Helper()
	token, err := auth.Token{Subject: "op", Scopes: scopes, TTL: ttl}.Sign([]byte(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + token
}

func withJWT(t testing.TB) func(*server.Config) {
	a, err := auth.NewJWT(auth.JWTConfig{Secret: []byte(testSecret), Leeway: auth.DefaultLeeway})
	if err != nil {
		t.Fatal(err)
	}
	return func(c *server.Config) { c.Auth = a }
}
