package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/browsertest"
	"github.com/belfry/belfry/web"
)

// documented returns the block of docs/frontend.md that has a text in it, as a page
// of another origin would run it against the server at address.
func documented(t *testing.T, text, address string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/frontend.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "\n```")
	for i := 1; i < len(blocks); i += 2 {
		if _, code, _ := strings.Cut(blocks[i], "\n"); strings.Contains(code, text) {
			return strings.ReplaceAll(code, "https://belfry.example", address)
		}
	}
	t.Fatalf("docs/frontend.md has no block with %q", text)
	return ""
}

// otherOrigin serves the documented page with these scripts on an origin of its own,
// under the documented policy, and the API with tokens on another: these ones first,
// then good ones.
func otherOrigin(t *testing.T, script string, tokens ...string) (a *api, origin string, cut func()) {
	t.Helper()
	pages := http.NewServeMux()
	srv := httptest.NewServer(pages)
	t.Cleanup(srv.Close)
	origin = strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	a = newAPI(t, withJWT(t), func(c *Config) {
		c.CORSOrigins = []string{origin}
		c.Pages = web.Handler()
	})
	api := httptest.NewServer(a.Handler())
	t.Cleanup(api.Close)
	policy := strings.TrimPrefix(documented(t, "Content-Security-Policy:", api.URL), "Content-Security-Policy: ")
	serve := func(path, contentType, body string) {
		pages.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Content-Security-Policy", strings.TrimSpace(policy))
			_, _ = fmt.Fprint(w, body)
		})
	}
	serve("/", "text/html", `<!doctype html><html lang="en"><meta charset="utf-8"><title>Acme</title>
		<script src="/watch.js"></script><script type="module" src="/page.js"></script><belfry-bell></belfry-bell></html>`)
	serve("/watch.js", "text/javascript", "window.broken = []; document.addEventListener('securitypolicyviolation', (e) => broken.push(e.effectiveDirective + ' ' + e.blockedURI));")
	serve("/page.js", "text/javascript", documented(t, script, api.URL))
	var mu sync.Mutex
	pages.HandleFunc("/my/belfry-token", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		token := mint(t, "user-7")
		if len(tokens) > 0 {
			token, tokens = tokens[0], tokens[1:]
		}
		_, _ = fmt.Fprint(w, token)
	})
	return a, origin, api.CloseClientConnections
}

// TestBellOfAnotherOrigin has the documented page of another origin show its user's
// bell, go on after a token that was refused, and have an action reach the server.
func TestBellOfAnotherOrigin(t *testing.T) {
	a, origin, _ := otherOrigin(t, "bell.getToken =", "bad", "bad")
	a.notify("user-7", "first")
	tab := browsertest.New(t)
	tab.Open(origin + "/")
	browsertest.Eventually(tab, bellName, "Notifications, 1 new")
	browsertest.Eventually(tab, `document.querySelector('belfry-bell').client.state.status`, "live")
	a.notify("user-7", "second")
	browsertest.Eventually(tab, bellBadge, "2")
	browsertest.Eval[any](tab, openBell)
	browsertest.Eventually(tab, bellInbox+`.querySelectorAll('li').length`, 2)
	browsertest.Eventually(tab, bellActs, true)
	browsertest.Eval[any](tab, bellInbox+`.querySelector('[aria-label="Mark all as read"]').click()`)
	await.Eventually(t, await.Patience, func() string { return "the action has not come" }, func() bool {
		row, _ := a.fake.Row("user-7")
		return row.Badge(time.Now()).Unread == 0
	})
	if got := browsertest.Eval[string](tab, `broken.join()`); got != "" {
		t.Errorf("the documented policy is broken: %s", got)
	}
}

// TestEventSourceOfAnotherOrigin has the documented script without the client follow
// a stream by tickets.
func TestEventSourceOfAnotherOrigin(t *testing.T) {
	a, origin, cut := otherOrigin(t, "new EventSource(")
	a.notify("user-7", "first")
	tab := browsertest.New(t)
	tab.Open(origin + "/")
	browsertest.Eventually(tab, `document.title`, "(1) Acme")
	a.notify("user-7", "second")
	browsertest.Eventually(tab, `document.title`, "(2) Acme")
	// A ticket is good for one stream: the next has another.
	cut()
	a.notify("user-7", "third")
	browsertest.Eventually(tab, `document.title`, "(3) Acme")
	if got := browsertest.Eval[string](tab, `broken.join()`); got != "" {
		t.Errorf("the documented policy is broken: %s", got)
	}
}
