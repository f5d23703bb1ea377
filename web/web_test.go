package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/belfry/belfry/web"
)

func get(t *testing.T, method, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	web.Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHandlerFiles(t *testing.T) {
	for path, contentType := range map[string]string{
		"/":          "text/html; charset=utf-8",
		"/page.js":   "text/javascript; charset=utf-8",
		"/page.css":  "text/css; charset=utf-8",
		"/belfry.js": "text/javascript; charset=utf-8",
		"/icon.svg":  "image/svg+xml",

		"/ops":            "text/html; charset=utf-8",
		"/ops.css":        "text/css; charset=utf-8",
		"/ops.js":         "text/javascript; charset=utf-8",
		"/ops-api.js":     "text/javascript; charset=utf-8",
		"/ops-draw.js":    "text/javascript; charset=utf-8",
		"/ops-letters.js": "text/javascript; charset=utf-8",
		"/ops-lookup.js":  "text/javascript; charset=utf-8",
	} {
		t.Run(path, func(t *testing.T) {
			got := get(t, "GET", path)
			if got.StatusCode != 200 || got.Header.Get("Content-Type") != contentType {
				t.Errorf("got %d %q, want 200 %q", got.StatusCode, got.Header.Get("Content-Type"), contentType)
			}
			if body(t, got) == "" {
				t.Error("got an empty file")
			}
			tag := got.Header.Get("Etag")
			if got := get(t, "GET", path, "If-None-Match", tag); tag == "" || got.StatusCode != 304 {
				t.Errorf("got %d for the tag %q, want 304", got.StatusCode, tag)
			}
			if got := get(t, "HEAD", path); got.StatusCode != 200 || body(t, got) != "" {
				t.Errorf("HEAD: got %d with a body, want 200 without", got.StatusCode)
			}
		})
	}
}

func TestHandlerHeaders(t *testing.T) {
	for _, path := range []string{"/", "/belfry.js", "/missing"} {
		h := get(t, "GET", path).Header
		for name, want := range map[string]string{
			"X-Content-Type-Options":     "nosniff",
			"Referrer-Policy":            "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: got %s %q, want %q", path, name, got, want)
			}
		}
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
			"img-src 'self' https: data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
		} {
			if !strings.Contains(policy+";", want+";") {
				t.Errorf("%s: policy %q lacks %q", path, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q has something unsafe", path, policy)
		}
	}
	if got := get(t, "GET", "/").Header.Get("Cache-Control"); got != "no-cache" {
		t.Errorf("got Cache-Control %q, want no-cache", got)
	}
}

func TestHandlerRefuses(t *testing.T) {
	for _, path := range []string{"/index.html", "/web.go", "/../page.js", "//page.js", "/page.js/", "/v2/users"} {
		got := get(t, "GET", path)
		if got.StatusCode != 404 || got.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got %d %q, want 404 with a problem", path, got.StatusCode, got.Header.Get("Content-Type"))
		}
	}
	got := get(t, "POST", "/")
	if got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("got %d, Allow %q for a POST, want 405 with GET, HEAD", got.StatusCode, got.Header.Get("Allow"))
	}
}

// TestFilesNeedNothingUnsafe holds what the policy would only break in a
// browser, and what would make a text into markup.
func TestFilesNeedNothingUnsafe(t *testing.T) {
	for _, page := range []string{"/", "/ops"} {
		checkMarkup(t, page)
	}
	for _, path := range []string{"/page.js", "/belfry.js", "/ops.js", "/ops-api.js", "/ops-draw.js", "/ops-letters.js", "/ops-lookup.js"} {
		if found := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage`).
			FindString(body(t, get(t, "GET", path))); found != "" {
			t.Errorf("%s has %s", path, found)
		}
	}
}

func checkMarkup(t *testing.T, page string) {
	t.Helper()
	html := body(t, get(t, "GET", page))
	for _, pattern := range []string{`<script(?:[^>]*src=)?[^>]*>[^<]`, `<style`, `\sstyle=`, `\son[a-z]+=`, `(?:src|href)="https?:`} {
		if found := regexp.MustCompile(pattern).FindString(html); found != "" {
			t.Errorf("%s has %q", page, found)
		}
	}
}
