package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// TestShortcut sends requests of all kinds the short way and the long way: the
// answers must be the same, and the short way be taken by those that it is for.
func TestShortcut(t *testing.T) {
	const path = "/v1/users/user-7/unread"
	a := newAPI(t, withJWT(t))
	a.notify("user-7", "x", "y")
	a.notify("사용자 7", "x")
	long := mux.NewRouter()
	a.routes(long)
	short := newPolls(a.Server)

	own := "Bearer " + mint(t, "user-7")
	for name, tt := range map[string]struct {
		method, path, token string
		tags                []string
		short               bool
		status              int
	}{
		"unchanged":            {"GET", path, own, []string{`"7.2.0"`}, true, 304},
		"HEAD":                 {"HEAD", path, own, []string{`"7.2.0"`}, true, 304},
		"weak":                 {"GET", path, own, []string{`W/"7.2.0"`}, true, 304},
		"admin":                {"GET", path, "Bearer " + mint(t, "x", auth.ScopeAdmin), []string{`"7.2.0"`}, true, 304},
		"nobody":               {"GET", "/v1/users/user-8/unread", "Bearer " + mint(t, "user-8"), []string{`"0.0.0"`}, true, 304},
		"encoded":              {"GET", "/v1/users/%EC%82%AC%EC%9A%A9%EC%9E%90%207/unread", "Bearer " + mint(t, "사용자 7"), []string{`"7.3.0"`}, true, 304},
		"encoded needlessly":   {"GET", "/v1/users/%75ser-7/unread", own, []string{`"7.2.0"`}, false, 304},
		"changed":              {"GET", path, own, []string{`"7.1.0"`}, false, 200},
		"of the future":        {"GET", path, own, []string{`"7.9.0"`}, false, 503},
		"no tag":               {"GET", path, own, nil, false, 200},
		"any":                  {"GET", path, own, []string{`*`}, false, 304},
		"a list":               {"GET", path, own, []string{`"7.1.0", "7.2.0"`}, false, 304},
		"two lines":            {"GET", path, own, []string{`"7.1.0"`, `"7.2.0"`}, false, 304},
		"query":                {"GET", path + "?min_version=1", own, []string{`"7.2.0"`}, false, 304},
		"bad query":            {"GET", path + "?min_version=x", own, []string{`"7.2.0"`}, false, 400},
		"method":               {"POST", path, own, []string{`"7.2.0"`}, false, 405},
		"other path":           {"GET", "/v1/users/user-7/inbox", own, []string{`"7.2.0"`}, false, 304},
		"deeper":               {"GET", "/v1/users/a/user-7/unread", own, []string{`"7.2.0"`}, false, 404},
		"slash in the user":    {"GET", "/v1/users/a%2Fb/unread", "Bearer " + mint(t, "a/b"), []string{`"0.0.0"`}, false, 400},
		"no user":              {"GET", "/v1/users//unread", own, []string{`"0.0.0"`}, false, 400},
		"no user can be it":    {"GET", "/v1/users/__x/unread", "Bearer " + mint(t, "__x"), []string{`"0.0.0"`}, false, 400},
		"no token":             {"GET", path, "", []string{`"7.2.0"`}, false, 401},
		"bad token":            {"GET", path, own + "x", []string{`"7.2.0"`}, false, 401},
		"another user's token": {"GET", path, "Bearer " + mint(t, "user-8"), []string{`"7.2.0"`}, false, 403},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				request := func() *http.Request {
					r := httptest.NewRequestWithContext(t.Context(), tt.method, "http://localhost"+tt.path, nil)
					r.Header["If-None-Match"] = tt.tags
					if tt.token != "" {
						r.Header.Set("Authorization", tt.token)
					}
					return r
				}
				want := httptest.NewRecorder()
				long.ServeHTTP(want, request())
				got := httptest.NewRecorder()
				short.before(long).ServeHTTP(got, request())
				if got.Code != tt.status || want.Code != tt.status {
					t.Errorf("got status %d the short way and %d the long way, want %d", got.Code, want.Code, tt.status)
				}
				if !reflect.DeepEqual(got.Header(), want.Header()) || got.Body.String() != want.Body.String() {
					t.Errorf("got  %v %s\nwant %v %s", got.Header(), got.Body, want.Header(), want.Body)
				}
				if taken := short.answer(httptest.NewRecorder(), request()); taken != tt.short {
					t.Errorf("short way taken: %t, want %t", taken, tt.short)
				}
			})
		})
	}
}

// The short way is counted as the long way is.
func TestShortcutIsCounted(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.MetricsOnAPI = true })
	for range 3 {
		a.get("/v1/users/u/unread", "If-None-Match", `"0.0.0"`).Want(304)
	}
	a.call("HEAD", "/v1/users/u/unread", "", "If-None-Match", `W/"0.0.0"`).Want(304)
	a.get("/v1/users/u/unread", "If-None-Match", `*`).Want(304)
	got := a.get("/metrics").Want(200).Body.String()
	for _, want := range []string{
		`belfry_polls_total{code="304"} 5`,
		`belfry_http_requests_total{code="304",method="GET",route="/v1/users/{user}/unread"} 4`,
		`belfry_http_requests_total{code="304",method="HEAD",route="/v1/users/{user}/unread"} 1`,
		`belfry_http_request_duration_seconds_count{route="/v1/users/{user}/unread"} 5`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("metrics lack %s", want)
		}
	}
}

func TestShortcutBeforeRecovery(t *testing.T) {
	a := newAPI(t)
	a.fake.NotReady = true
	a.get("/v1/users/u/unread", "If-None-Match", `"0.0.0"`).WantProblem(503, "")
}

// glancing is a table that tells badges without its rows.
type glancing struct {
	*servertest.Tables
	t *testing.T
}

func (g glancing) Row(string) (inbox.State, error) {
	g.t.Error("the row was read")
	return inbox.State{}, nil
}

// A badge is read off a row without the whole of it.
func TestBadgesDoWithoutRows(t *testing.T) {
	f := servertest.NewTables()
	a := newAPI(t, func(c *Config) { c.Rows = glancing{f, t} })
	a.fake = f
	a.notify("u", "x")
	a.get("/v1/users/u/unread", "If-None-Match", `"7.1.0"`).Want(304)
	a.get("/v1/users/u/unread", "If-None-Match", `"7.1.0", "7.0.0"`).Want(304)
	a.get("/v1/users/u/unread?min_version=1").Want(200)
	if got := servertest.Into[wire.Badge](a.get("/v1/users/u/unread").Want(200)); got.Version != 1 || got.Unread != 1 {
		t.Errorf("got %+v, want one unread at version 1", got)
	}
	if got := a.get("/v1/unread?user=u&user=v").Want(200).Body.String(); !strings.Contains(got, `"cursor":"7.1","x":0,"unread":1,`) {
		t.Errorf("got %s, want one unread at 7.1", got)
	}
}

// A read after a write has the write in it, short way or long, list or count:
// the version that the command answered is the least that any of them shows, and
// the list holds as many unread items as the count says.
func TestReadsAfterWritesAgree(t *testing.T) {
	a := newAPI(t)
	a.notify("u", "a", "b", "c", "d")
	tag := a.get("/v1/users/u/unread").Header().Get("ETag")
	for _, command := range []string{"seen", "read", "archive", "unarchive", "unread", "delete"} {
		done := servertest.Into[wire.Badge](a.call("POST", "/v1/users/u/inbox/"+command, `{"seqs":[2]}`).Want(200))
		changed := a.get("/v1/users/u/unread", "If-None-Match", tag).Want(200)
		badge := servertest.Into[wire.Badge](changed)
		tag = changed.Header().Get("ETag")
		a.get("/v1/users/u/unread", "If-None-Match", tag).Want(304)
		page := servertest.Into[shownPage](a.get(fmt.Sprintf("/v1/users/u/inbox?min_version=%d", done.Version)).Want(200))
		unread := 0
		for _, it := range page.Items {
			if !it.Read {
				unread++
			}
		}
		if !reflect.DeepEqual(badge, done) || page.Version != done.Version || page.Unread != done.Unread || unread != done.Unread {
			t.Errorf("after %s: badge %+v, list of version %d with %d of %d unread; want %+v", command, badge, page.Version, unread, page.Unread, done)
		}
	}
}
