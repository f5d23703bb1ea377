package web_test

import (
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/belfry/belfry/clients/js"
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
		"/ops-notices.js": "text/javascript; charset=utf-8",
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

// TestHandlerClient holds what a page of another origin needs of the client: it is
// revalidated under its plain name, for ever under its pinned one, and open to both.
func TestHandlerClient(t *testing.T) {
	files := js.Files()
	if len(files) != 12 {
		t.Fatalf("got %d files, want the client, the bell, both in one with all that they load, the worker, and eight that are loaded later", len(files))
	}
	for _, f := range files {
		paths := map[string]string{"/" + f.Name: "no-cache"}
		if !f.IsWorker() { // a browser asks for news under the name that it was registered by
			paths["/"+f.Pinned()] = "public, max-age=31536000, immutable"
		}
		for path, cached := range paths {
			got := get(t, "GET", path)
			if text := body(t, got); got.StatusCode != 200 || text != string(f.Body) {
				t.Errorf("%s: got %d and %d bytes, want the %d of the build", path, got.StatusCode, len(text), len(f.Body))
			}
			for name, want := range map[string]string{
				"Cache-Control": cached, "Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin", "Vary": "Accept-Encoding",
			} {
				if value := got.Header.Get(name); value != want {
					t.Errorf("%s: got %s %q, want %q", path, name, value, want)
				}
			}
		}
		sum := sha512.Sum384(f.Body)
		if want := "sha384-" + base64.StdEncoding.EncodeToString(sum[:]); f.Integrity() != want {
			t.Errorf("%s: got integrity %s, want %s", f.Name, f.Integrity(), want)
		}
	}
	for path, want := range map[string]string{"/belfry-sw.js": "/", "/belfry.js": ""} {
		if got := get(t, "GET", path).Header.Get("Service-Worker-Allowed"); got != want {
			t.Errorf("%s: got Service-Worker-Allowed %q, want %q", path, got, want)
		}
	}
	if got := get(t, "GET", "/page.js").Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("page.js is open to %q, want to no other origin", got)
	}
}

// TestHandlerCompresses has files go out as gzip to whom takes it, under a tag of
// their own, which no proxy can change so that it is no longer known.
func TestHandlerCompresses(t *testing.T) {
	plain := get(t, "GET", "/belfry.js")
	text, tag := body(t, plain), plain.Header.Get("Etag")
	for accepted, want := range map[string]bool{
		"": false, "gzip": true, "br, gzip, deflate": true, "GZIP;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000": false, "identity": false, "gzip;q=x": false,
	} {
		got := get(t, "GET", "/belfry.js", "Accept-Encoding", accepted)
		if packed := got.Header.Get("Content-Encoding") == "gzip"; packed != want {
			t.Errorf("%q: compressed is %t, want %t", accepted, packed, want)
			continue
		}
		var r io.Reader = got.Body
		if want {
			var err error
			if r, err = gzip.NewReader(got.Body); err != nil {
				t.Fatal(err)
			}
			if got.Header.Get("Etag") == tag {
				t.Errorf("%q: both forms have the tag %s", accepted, tag)
			}
		}
		if unpacked, err := io.ReadAll(r); err != nil || string(unpacked) != text {
			t.Errorf("%q: got %d bytes, %v, want %d", accepted, len(unpacked), err, len(text))
		}
	}
	bare := strings.Trim(tag, `"`)
	for sent, want := range map[string]int{
		tag: 304, "W/" + tag: 304, `"` + bare + `-gzip"`: 304, `W/"` + bare + `-gzip"`: 304, `"` + bare + `--gzip"`: 304, `"` + bare + `;gzip"`: 304,
		`"x", ` + tag: 304, "*": 304, `"x"`: 200, `"x` + bare + `"`: 200, "": 200,
	} {
		got := get(t, "GET", "/belfry.js", "If-None-Match", sent, "Accept-Encoding", "gzip")
		if got.StatusCode != want || want == 304 && got.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: got %d, coded %q, want %d", sent, got.StatusCode, got.Header.Get("Content-Encoding"), want)
		}
	}
}
