package server

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/server/auth"
)

const intranet = "https://intranet.example"

func withOrigins(origins ...string) func(*Config) {
	return func(c *Config) { c.CORSOrigins = origins }
}

func TestCORSAnswers(t *testing.T) {
	a := newAPI(t, withJWT(t), withOrigins(intranet, "http://localhost:3000"))
	token := "Bearer " + mint(t, "a")
	for origin, allowed := range map[string]bool{
		intranet: true, "http://localhost:3000": true,
		"": false, "null": false, "*": false, "https://evil.example": false, "http://intranet.example": false,
		"https://intranet.example:8443": false, "https://intranet.example.evil.example": false, "https://INTRANET.example": false,
	} {
		for path, code := range map[string]int{"/v1/users/a/unread": 200, "/v1/users/a/inbox": 200, "/v1/users/b/unread": 403, "/nowhere": 404} {
			got := a.get(path, "Authorization", token, "Origin", origin).Want(code)
			want, exposed := "", ""
			if allowed {
				want, exposed = origin, "ETag, X-Poll-Interval, Retry-After"
			}
			got.WantHeader("Access-Control-Allow-Origin", want).WantHeader("Access-Control-Expose-Headers", exposed)
			got.WantHeader("Access-Control-Allow-Credentials", "")
			// Also without an origin: a cache must not give that answer to a page.
			if vary := got.Header().Values("Vary"); !slices.Contains(vary, "Origin") {
				t.Errorf("%s from %q: got Vary %q, want Origin", path, origin, vary)
			}
		}
	}
	if got := a.get("/v1/users/a/inbox", "Authorization", token).Header().Values("Vary"); strings.Join(got, ", ") != "Origin, Accept-Language" {
		t.Errorf("got Vary %q, want both", got)
	}
}

func TestCORSPreflight(t *testing.T) {
	a := newAPI(t, withJWT(t), withOrigins(intranet))
	ask := func(origin string) servertest.Reply {
		return a.call("OPTIONS", "/v1/users/a/inbox/read", "", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,content-type")
	}
	got := ask(intranet).Want(http.StatusNoContent).WantHeader("Access-Control-Allow-Origin", intranet)
	for name, words := range map[string][]string{
		"Access-Control-Allow-Methods": {"GET", "HEAD", "POST", "DELETE"},
		"Access-Control-Allow-Headers": {"Authorization", "Content-Type", "If-None-Match", "Last-Event-ID", "Idempotency-Key"},
	} {
		list := strings.Split(got.Header().Get(name), ", ")
		for _, word := range words {
			if !slices.Contains(list, word) {
				t.Errorf("got %s %q, want %s in it", name, list, word)
			}
		}
	}
	for _, origin := range []string{"https://evil.example", "null"} {
		ask(origin).WantProblem(405, "").WantHeader("Access-Control-Allow-Origin", "").WantHeader("Access-Control-Allow-Methods", "")
	}
	// Without the header it is no preflight.
	a.call("OPTIONS", "/v1/users/a/inbox/read", "", "Origin", intranet).WantProblem(405, "")
	newAPI(t, withJWT(t)).call("OPTIONS", "/v1/users/a/unread", "", "Origin", intranet, "Access-Control-Request-Method", "GET").
		WantProblem(405, "").WantHeader("Vary", "")
}

// TestCORSStream has a page of another origin open a stream: its headers are
// those of every answer, over a network too.
func TestCORSStream(t *testing.T) {
	r := run(t, time.Second, withJWT(t), withOrigins(intranet))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/v1/users/a/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", intranet)
	req.Header.Set("Authorization", "Bearer "+mint(t, "a"))
	for _, h2 := range []bool{false, true} {
		res, err := client(t, h2).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Get("Access-Control-Allow-Origin"); got != intranet || !slices.Contains(res.Header.Values("Vary"), "Origin") {
			t.Errorf("HTTP/2 %t: got origin %q and Vary %q", h2, got, res.Header.Values("Vary"))
		}
		if _, err := io.ReadFull(res.Body, make([]byte, 6)); err != nil {
			t.Error(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCrossSitePosts has pages of other sites write, with all that they can
// send unasked: none is let in, and neither is one with a token. Pages of this machine
// are let in where nobody is asked who he is.
func TestCrossSitePosts(t *testing.T) {
	calls := []struct{ method, path, body string }{
		{"POST", "/v1/users/a/inbox/read", `{"seqs":[1]}`},
		{"POST", "/v1/notifications", `{"recipient":"a","title":"x"}`},
		{"POST", "/v1/retractions", `{"recipient":"a","id":"x"}`},
		{"POST", "/v1/users/a/tickets", ""},
		{"DELETE", "/v1/users/a", ""},
	}
	tests := map[string]struct {
		headers []string
		ok      bool
	}{
		"a program":                      {nil, true},
		"the page itself":                {[]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost"}, true},
		"typed in":                       {[]string{"Sec-Fetch-Site", "none"}, true},
		"old browser, own page":          {[]string{"Origin", "http://localhost"}, true},
		"allowed origin":                 {[]string{"Sec-Fetch-Site", "cross-site", "Origin", intranet}, true},
		"old browser, allowed":           {[]string{"Origin", intranet}, true},
		"another site":                   {[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, false},
		"another site, no origin":        {[]string{"Sec-Fetch-Site", "cross-site"}, false},
		"local: a name beside ours":      {[]string{"Sec-Fetch-Site", "same-site", "Origin", "http://other.localhost"}, false},
		"old browser, other site":        {[]string{"Origin", "https://evil.example"}, false},
		"local: old browser, other port": {[]string{"Origin", "http://localhost:9999"}, false},
		"sandboxed frame":                {[]string{"Origin", "null"}, false},
		"a word that is not known":       {[]string{"Sec-Fetch-Site", "sideways"}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for i, believed := range []func(*Config){withJWT(t), func(*Config) {}} {
				a := newAPI(t, withOrigins(intranet), believed)
				let := tt.ok || i == 1 && strings.HasPrefix(name, "local: ")
				token := mint(t, "a", auth.ScopeNotify, auth.ScopeAdmin)
				for _, c := range calls {
					got := a.call(c.method, c.path, c.body, append(tt.headers, "Authorization", "Bearer "+token)...)
					if ok := got.Code == 200 || got.Code == 202; ok != let || !ok && got.Code != 403 {
						t.Errorf("%s %s: got %d, want let in: %t", c.method, c.path, got.Code, let)
					}
					if !let {
						got.WantProblem(403, "").WantHeader("WWW-Authenticate", "")
					}
				}
				if !let && a.fake.Offset != 0 {
					t.Errorf("%d records were written", a.fake.Offset)
				}
			}
		})
	}
	// Reading is no matter of this: the page cannot see the answer.
	newAPI(t).get("/v1/users/a/unread", "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example").
		Want(200).WantHeader("Access-Control-Allow-Origin", "")
}

func TestCheckOrigin(t *testing.T) {
	for origin, ok := range map[string]bool{
		intranet: true, "http://localhost:3000": true, "https://[::1]:8443": true, "http://10.0.0.1": true, "http://example:443": true,
		"": false, "*": false, "null": false, "intranet.example": false, "https://": false, "https://*.example": false, "ftp://x": false,
		"https://intranet.example/": false, "https://Intranet.example": false, "https://intranet.example:443": false, "http://x:80": false,
		"https://a@intranet.example": false, "https://intranet.example?x": false, "https://intranet.example:": false, "https://x#": false,
	} {
		if err := CheckOrigin(origin); (err == nil) != ok {
			t.Errorf("%q: got %v, want accepted: %t", origin, err, ok)
		}
	}
	f := servertest.NewTables()
	if _, err := New(Config{Rows: f, Items: f, Journal: f, Auth: auth.None(), CORSOrigins: []string{"*"}}); err == nil || !strings.Contains(err.Error(), "wildcard") {
		t.Errorf("got %v for a wildcard, want it refused", err)
	}
}
