package server

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/mux"
	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/opstest"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// TestRoutesScopes holds the table of who may call what.
func TestRoutesScopes(t *testing.T) {
	a := newAPI(t, withJWT(t), func(c *Config) {
		c.MetricsOnAPI = true
		c.LagMetrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {})
		c.Pages = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {})
		withOps(opstest.New())(c)
	})
	tokens := []string{
		"", // none
		mint(t, "someone-else"),
		mint(t, "user-7"),
		mint(t, "a-service", auth.ScopeNotify),
		mint(t, "an-admin", auth.ScopeAdmin),
		mint(t, "an-operator", auth.ScopeOps),
	}
	const (
		seqs  = `{"seqs":[1]}`
		notif = `{"recipient":"user-7","title":"x"}`
	)
	user := func(ok int) []int { return []int{401, 403, ok, 403, ok, 403} }
	only := func(i, ok int) []int {
		want := []int{401, 403, 403, 403, 403, 403}
		want[i] = ok
		return want
	}
	all := []int{200, 200, 200, 200, 200, 200}
	tests := []struct {
		method, path, body string
		want               []int // by token
	}{
		{"GET", "/v1/users/user-7/unread", "", user(200)},
		{"HEAD", "/v1/users/user-7/unread", "", user(200)},
		{"GET", "/v1/users/user-7/inbox", "", user(200)},
		{"GET", "/v1/users/user-7/export", "", user(200)},
		{"POST", "/v1/users/user-7/inbox/seen", seqs, user(200)},
		{"POST", "/v1/users/user-7/inbox/read", seqs, user(200)},
		{"POST", "/v1/users/user-7/inbox/unread", seqs, user(200)},
		{"POST", "/v1/users/user-7/inbox/archive", seqs, user(200)},
		{"POST", "/v1/users/user-7/inbox/unarchive", seqs, user(200)},
		{"POST", "/v1/users/user-7/inbox/delete", seqs, user(200)},
		{"GET", "/v1/users/user-7/stream", "", user(200)},
		{"POST", "/v1/users/user-7/tickets", "", user(200)},
		{"GET", "/v1/unread?user=user-7", "", only(3, 200)},
		{"POST", "/v1/notifications", notif, only(3, 202)},
		{"POST", "/v1/retractions", `{"recipient":"user-7","id":"x"}`, only(3, 202)},
		{"DELETE", "/v1/users/user-7", "", only(4, 202)},
		{"GET", "/v1/lag", "", only(5, 200)},
		{"GET", "/v1/ops/overview", "", only(5, 200)},
		{"GET", "/v1/ops/stream", "", only(5, 200)},
		{"GET", "/v1/ops/users/user-7", "", only(4, 200)},
		{"GET", "/v1/ops/users/user-7/journal", "", only(4, 200)},
		{"GET", "/v1/ops/topics", "", only(5, 200)},
		{"GET", "/v1/ops/topics/orders/records", "", only(4, 200)},
		{"GET", "/v1/ops/dead-letters", "", only(4, 200)},
		{"GET", "/v1/ops/dead-letters/0/11", "", only(4, 200)},
		{"POST", "/v1/ops/dead-letters/replay", `{"letters":[{"partition":0,"offset":11}]}`, only(4, 200)},
		{"GET", "/metrics", "", only(5, 200)},
		{"GET", "/metrics/lag", "", only(5, 200)},
		{"GET", "/healthz", "", all},
		{"GET", "/readyz", "", all},
		{"GET", "/", "", all},
	}
	for _, tt := range tests {
		for i, token := range tokens {
			t.Run(fmt.Sprintf("%s %s as %d", tt.method, tt.path, i), func(t *testing.T) {
				a := newAPIWith(t, a)
				if strings.HasSuffix(tt.path, "/stream") {
					// It would go on.
					ctx, cancel := context.WithCancel(t.Context())
					cancel()
					a.ctx = ctx
				}
				headers := []string{}
				if token != "" {
					headers = append(headers, "Authorization", "Bearer "+token)
				}
				got := a.call(tt.method, tt.path, tt.body, headers...)
				got.Want(tt.want[i])
				wantChallenge := map[int]string{401: "Bearer", 403: `Bearer error="insufficient_scope"`}[tt.want[i]]
				got.WantHeader("WWW-Authenticate", wantChallenge)
			})
		}
	}
}

// newAPIWith returns a for another test.
func newAPIWith(t testing.TB, a *api) *api {
	return &api{t: t, ctx: t.Context(), fake: a.fake, Server: a.Server}
}

func TestRoutesMethods(t *testing.T) {
	a := newAPI(t)
	tests := []struct {
		method, path, allow string
	}{
		{"POST", "/v1/users/a/unread", "GET, HEAD"},
		{"PUT", "/v1/users/a/inbox", "GET, HEAD"},
		{"GET", "/v1/users/a/inbox/read", "POST"},
		{"HEAD", "/v1/users/a/stream", "GET"},
		{"GET", "/v1/users/a/tickets", "POST"},
		{"GET", "/v1/users/a", "PUT, DELETE"},
		{"DELETE", "/v1/notifications", "POST"},
		{"BREW", "/v1/unread", "GET, HEAD"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			newAPIWith(t, a).call(tt.method, tt.path, "").WantProblem(405, "").WantHeader("Allow", tt.allow)
		})
	}
}

func TestRoutesUnknown(t *testing.T) {
	pages := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	a := newAPI(t, func(c *Config) { c.Pages = pages })
	for _, path := range []string{"/v1", "/v1/", "/v1/users", "/v1/users/a/b/c", "/v1/users/a/inbox/explode", "/metrics", "/v1//unread"} {
		t.Run(path, func(t *testing.T) { newAPIWith(t, a).get(path).WantProblem(404, "") })
	}
	for _, path := range []string{"/", "/belfry.js", "/v10"} {
		t.Run(path, func(t *testing.T) { newAPIWith(t, a).get(path).Want(http.StatusTeapot) })
	}
	newAPI(t).get("/").WantProblem(404, "")
}

// TestPathsAreBounded holds that no route is looked for where there is none, and that the
// longest that there are have theirs.
func TestPathsAreBounded(t *testing.T) {
	a := newAPI(t)
	for _, method := range []string{"GET", "PUT", "BREW"} {
		for _, path := range []string{"/v1/users/" + strings.Repeat("a", 30_000) + "/unread", "/" + strings.Repeat("a", maxPath), "/v1/users/" + strings.Repeat("%2F", maxPath/3) + "/unread"} {
			a.call(method, path, "").WantProblem(http.StatusRequestURITooLong, "")
		}
	}
	encoded := func(n int) string { return strings.Repeat("%41", n) }
	a.get("/v1/users/" + encoded(belfry.MaxRecipientBytes) + "/unread").Want(http.StatusOK)
	for _, path := range []string{"/v1/users/" + encoded(belfry.MaxRecipientBytes) + "/topics/" + encoded(249), links.Path + strings.Repeat("a", links.MaxToken)} {
		if status := a.get(path).Code; status == http.StatusRequestURITooLong {
			t.Errorf("a path of %d bytes is too long", len(path))
		}
	}
}

func TestRoutesUserOfThePath(t *testing.T) {
	a := newAPI(t)
	const korean = "사용자-7"
	a.notify(korean, "hello")
	a.notify("a b+c%", "hello")
	for path, user := range map[string]string{
		"/v1/users/%EC%82%AC%EC%9A%A9%EC%9E%90-7/unread": korean,
		"/v1/users/a%20b+c%25/unread":                    "a b+c%",
	} {
		got := servertest.Into[wire.Badge](a.get(path).Want(200))
		if got.User != user || got.Unread != 1 {
			t.Errorf("%s: got %+v, want one unread of %s", path, got, user)
		}
	}
	long := "/v1/users/" + string(make129()) + "/unread"
	for _, path := range []string{
		"/v1/users//unread", "/v1/users/a%2Fb/unread", "/v1/users/../unread", "/v1/users/./unread",
		"/v1/users/__a/unread", "/v1/users/a%0Ab/unread", "/v1/users/%FF/unread", long,
	} {
		t.Run(path, func(t *testing.T) { newAPIWith(t, a).get(path).WantProblem(400, "user") })
	}
}

// make129 is one byte more than a recipient may have.
func make129() []byte {
	b := make([]byte, belfry.MaxRecipientBytes+1)
	for i := range b {
		b[i] = 'x'
	}
	return b
}

// TestRoutesSubjectThatIsNoUser has a token whose subject cannot be a user.
func TestRoutesSubjectThatIsNoUser(t *testing.T) {
	a := newAPI(t, withJWT(t))
	token := "Bearer " + mint(t, "orders/service", auth.ScopeNotify)
	a.get("/v1/users/orders%2Fservice/unread", "Authorization", token).WantProblem(400, "user")
	a.call("POST", "/v1/notifications", `{"recipient":"b","title":"x"}`, "Authorization", token).Want(202)
	if len(a.fake.Items) != 1 {
		t.Fatalf("got items %v, want one", a.fake.Items)
	}
	for _, it := range a.fake.Items {
		if got, want := it.Source, "orders/service"; got != want {
			t.Errorf("got source %q, want %q", got, want)
		}
	}
}

// TestRoutesMetricsAddress has the operators' address open to all.
func TestRoutesMetricsAddress(t *testing.T) {
	a := newAPI(t, withJWT(t))
	for path, want := range map[string]int{"/metrics": 200, "/healthz": 200, "/readyz": 200, "/metrics/lag": 404, "/v1/lag": 404} {
		w := httptest.NewRecorder()
		a.MetricsHandler().ServeHTTP(w, httptest.NewRequest("GET", "http://10.0.0.1"+path, nil))
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
	a.get("/metrics", "Authorization", "Bearer "+mint(t, "op", auth.ScopeOps)).WantProblem(404, "")
}

// TestRoutesTakeWhatTheirExpressionsTake holds that what is asked before a route's
// expression refuses nothing that the expression takes.
func TestRoutesTakeWhatTheirExpressionsTake(t *testing.T) {
	templates := map[string]string{ // with a path that each takes
		"/healthz": "/healthz", userPath: "/v1/users/u", userPath + "/inbox": "/v1/users/%2F/inbox",
		userPath + "/inbox/{action:seen|read}":                    "/v1/users//inbox/read",
		userPath + "/topics/{topic:[^/]*}":                        "/v1/users/a/topics/b%2Fc",
		"/v1/ops/dead-letters/{partition:[0-9]+}/{offset:[0-9]+}": "/v1/ops/dead-letters/0/12",
		links.Path + "{token:[^/]*}":                              links.Path + "t",
	}
	parts := []string{"/", "/v1", "/v1/users/", "/inbox", "/topics/", "/inbox/seen", "inbox", "seen", "/healthz", "a", "%2F", "%2e%2e", "..", "/v1/ops/dead-letters/", "7", "12", links.Path, "%25", "é", ":", "/inbox/inbox/seen"}
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for template, known := range templates {
		plain, own := mux.NewRouter().UseEncodedPath().SkipClean(true), mux.NewRouter().UseEncodedPath().SkipClean(true)
		plain.Handle(template, nothing)
		register(own, template, nothing)
		// taken asks both and reports what they say.
		taken := func(t rapid.TB, path string) bool {
			u, err := url.ParseRequestURI(path)
			if err != nil {
				return false
			}
			r := &http.Request{Method: http.MethodGet, URL: u}
			var a, b mux.RouteMatch
			want := plain.Match(r, &a)
			if got := own.Match(r, &b); got != want || fmt.Sprint(a.Vars) != fmt.Sprint(b.Vars) {
				t.Fatalf("%s at %s: taken %v with %v, want %v with %v", path, template, got, b.Vars, want, a.Vars)
			}
			return want
		}
		if !taken(t, known) {
			t.Errorf("%s is not taken by %s", known, template)
		}
		rapid.Check(t, func(t *rapid.T) {
			path := pathPattern.ReplaceAllStringFunc(template, func(string) string {
				if rapid.Bool().Draw(t, "a fit one") {
					return rapid.SampledFrom([]string{"seen", "7"}).Draw(t, "value")
				}
				return strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 2).Draw(t, "a variable"), "")
			})
			if rapid.IntRange(0, 3).Draw(t, "another path") == 3 {
				path = "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 6).Draw(t, "parts"), "")
			}
			taken(t, path)
		})
	}
}
