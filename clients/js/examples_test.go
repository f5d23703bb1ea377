package js_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/belfry/belfry/internal/browsertest"
	"github.com/belfry/belfry/internal/parts"
)

// TestExamples has the pages that docs/frontend.md shows for React and Vue bundled
// in a project of their own, and run in Chromium: bell and list show what the server
// holds, and a click reads.
func TestExamples(t *testing.T) {
	parts.Need(t, "chromium", "node")
	folder := project(t)
	page, err := os.ReadFile("../../docs/frontend.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, example := range []struct{ language, file, entry string }{
		{"jsx", "react.jsx", "react.jsx"},
		{"vue", "App.vue", "vue.js"},
	} {
		t.Run(example.language, func(t *testing.T) {
			_, code, _ := strings.Cut(string(page), "```"+example.language+"\n")
			code, _, found := strings.Cut(code, "\n```")
			if !found {
				t.Fatalf("docs/frontend.md has no example in %s", example.language)
			}
			code = strings.ReplaceAll(code, "https://belfry.example", "")
			if err := os.WriteFile(filepath.Join(folder, example.file), []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
			if example.language == "vue" {
				run(t, folder, "node", "compile.js")
			}
			bundle := run(t, ".", "go", "tool", "esbuild", filepath.Join(folder, example.entry), "--bundle", "--format=esm",
				"--jsx=automatic", "--define:process.env.NODE_ENV=\"production\"", "--log-level=error")
			address := exampleServer(t, bundle)
			tab := browsertest.New(t)
			tab.Open(address)
			browsertest.Eventually(tab, `document.querySelector('h1')?.textContent.trim() ?? ''`, "1 unread")
			browsertest.Eventually(tab, `document.querySelector('li')?.textContent.trim() ?? ''`, "hello")
			browsertest.Eventually(tab, `document.querySelector('belfry-bell').shadowRoot.querySelector('#b').getAttribute('aria-label')`, "Notifications, 1 new")
			browsertest.Eval[any](tab, `document.querySelector('li button').click()`)
			browsertest.Eventually(tab, `document.querySelector('h1').textContent.trim() + ' ' + document.querySelectorAll('li').length`, "0 unread 0")
		})
	}
}

// exampleServer serves a page with that script, and an inbox of one item.
func exampleServer(t *testing.T, script string) string {
	t.Helper()
	var read atomic.Bool
	badge := func() string {
		n, version := 1, 1
		if read.Load() {
			n, version = 0, 2
		}
		return fmt.Sprintf(`"user":"user-7","version":%d,"cursor":"7.%[1]d","x":0,"unread":%d,"unseen":%[2]d,"urgent":0,"categories":{}`, version, n)
	}
	mux := http.NewServeMux()
	answer := func(path, contentType string, body func() string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = fmt.Fprint(w, body())
		})
	}
	answer("GET /{$}", "text/html", func() string {
		return `<!doctype html><html lang="en"><div id="app"></div><script type="module" src="/page.js"></script></html>`
	})
	answer("GET /page.js", "text/javascript", func() string { return script })
	answer("GET /my/belfry-token", "text/plain", func() string { return "token" })
	answer("GET /v1/users/user-7/unread", "application/json", func() string { return "{" + badge() + "}" })
	answer("POST /v1/users/user-7/inbox/{action}", "application/json", func() string {
		read.Store(true)
		return "{" + badge() + "}"
	})
	answer("GET /v1/users/user-7/inbox", "application/json", func() string {
		return fmt.Sprintf(`{%s,"features":[],"items":[{"seq":1,"version":%d,"read":%t,"seen":%[3]t,"archived":false,"count":1,"priority":"normal","title":"hello"}]}`,
			badge(), map[bool]int{true: 2, false: 1}[read.Load()], read.Load())
	})
	mux.HandleFunc("GET /v1/users/user-7/stream", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprint(w, "id: 7.1\nevent: ping\ndata: {\"version\":1}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}
