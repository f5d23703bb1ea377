package ops_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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

// reply is an answer with its body.
type reply struct {
	t testing.TB
	*httptest.ResponseRecorder
}

// call sends a request as from this machine; headers are given as pairs.
func (a *api) call(method, path, body string, headers ...string) reply {
	a.t.Helper()
	return a.within(a.t.Context(), method, path, body, headers...)
}

func (a *api) within(ctx context.Context, method, path, body string, headers ...string) reply {
	a.t.Helper()
	r := httptest.NewRequestWithContext(ctx, method, "http://localhost"+path, strings.NewReader(body))
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

func (r reply) Want(status int) reply {
	r.t.Helper()
	if r.Code != status {
		r.t.Fatalf("got status %d, want %d; body: %.500s", r.Code, status, r.Body)
	}
	return r
}

// wantProblem checks that the answer is a problem with that status and field.
func (r reply) wantProblem(status int, field string) {
	r.t.Helper()
	p := into[struct {
		Type, Title, Field string
		Status             int
	}](r.Want(status))
	if p.Field != field || p.Status != status || p.Title == "" || p.Type == "" || r.Header().Get("Content-Type") != "application/problem+json" {
		r.t.Errorf("got problem %+v, want field %q", p, field)
	}
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

// lockedLog is a log that may be read while it is written.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
