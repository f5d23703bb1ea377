package server

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestNoAuthHost(t *testing.T) {
	a := newAPI(t)
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8080": 200, "localhost.": 200, "app.localhost:1": 200,
		"127.0.0.1": 200, "127.9.9.9:80": 200, "[::1]:8080": 200, "[::1]": 200, "::ffff:127.0.0.1": 200,
		"": 421, "example.com": 421, "localhost.example.com": 421, "notlocalhost": 421, "127.0.0.1.nip.io": 421,
		"10.0.0.1:8080": 421, "0.0.0.0": 421, "[::]": 421, "192.168.0.1": 421,
	} {
		for _, path := range []string{"/v1/users/a/unread", "/healthz"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			a.Handler().ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("Host %q, %s: got %d, want %d", host, path, w.Code, want)
			}
		}
	}
}

func TestMediaTypes(t *testing.T) {
	a := newAPI(t)
	const body = `{"recipient":"a","title":"x"}`
	for contentType, want := range map[string]int{
		"application/json": 202, "application/json; charset=utf-8": 202, "Application/JSON": 202, "application/vnd.x+json": 202,
		"": 415, "text/plain": 415, "application/x-www-form-urlencoded": 415, "multipart/form-data; boundary=x": 415,
		"application/jsonx": 415, "application/cloudevents+xml": 415, "text/plain; a=application/json": 415, "json": 415,
	} {
		got := a.call("POST", "/v1/notifications", body, "Content-Type", contentType)
		if got.Code != want {
			t.Errorf("%q: got %d, want %d: %s", contentType, got.Code, want, got.Body)
		}
	}
	a.call("POST", "/v1/notifications", body, "Content-Encoding", "gzip").WantProblem(415, "")
	for _, path := range []string{"/v1/retractions", "/v1/users/a/inbox/read"} {
		got := a.call("POST", path, body, "Content-Type", "text/plain").WantProblem(415, "")
		if !strings.Contains(got.Body.String(), "application/json") {
			t.Errorf("%s: the answer does not say what is wanted: %s", path, got.Body)
		}
	}
}

// Without authentication the pages that this machine serves may call, whatever their
// port, and those of others may not.
func TestNoAuthLetsLoopbackPagesIn(t *testing.T) {
	a := newAPI(t)
	for origin, allowed := range map[string]bool{
		"http://localhost:5173": true, "https://localhost": true, "http://127.0.0.1:3000": true, "http://[::1]:3000": true, "http://app.localhost": true,
		"https://evil.example": false, "http://localhost.evil.example": false, "http://127.0.0.1.nip.io": false, "null": false,
		"file://localhost": false, "http://10.0.0.1": false, "http://192.168.0.1:5173": false,
	} {
		want, code := "", 403
		if allowed {
			want, code = origin, 202
		}
		r := a.call("POST", "/v1/notifications", `{"recipient":"a","title":"x"}`, "Content-Type", "application/json", "Origin", origin, "Sec-Fetch-Site", "cross-site")
		r.Want(code).WantHeader("Access-Control-Allow-Origin", want)
		a.get("/v1/users/a/unread", "Origin", origin).Want(200).WantHeader("Access-Control-Allow-Origin", want)
		preflight := a.call("OPTIONS", "/v1/notifications", "", "Origin", origin, "Access-Control-Request-Method", "POST")
		if (preflight.Code == 204) != allowed {
			t.Errorf("preflight from %s: got %d", origin, preflight.Code)
		}
	}
	// With authentication they are pages of others.
	newAPI(t, withJWT(t)).get("/healthz", "Origin", "http://localhost:5173").Want(200).WantHeader("Access-Control-Allow-Origin", "")
}
