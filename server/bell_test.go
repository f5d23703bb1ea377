package server

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/browsertest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/web"
)

// strictPolicy is the strictest that a page with scripts and styles of its own can
// have: no text becomes a script, a style or markup.
const strictPolicy = "default-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"

// host is a page of somebody who put the bell on it.
type host struct {
	bell     string        // more attributes of the bell
	policy   string        // in addition to policies
	policies string        // the page's Content-Security-Policy; strictPolicy if empty
	script   string        // in addition to /host.js
	from     string        // of the bell; /belfry-bell.js if empty
	edit     func(*Config) // of the server, nil for none
	stream   chan struct{} // streams wait until it is closed; nil for none
	late     string        // the start of the paths that cannot be had until come is closed
	come     chan struct{} // nil for at once
	waits    bool          // they are answered when it is closed, not refused until then

	away atomic.Bool // no call of the API is answered

	mu    sync.Mutex
	asked []string // actions, as method, path and body say them
}

func (h *host) actions() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.asked, " ")
}

// bellServer serves that page, whose html element has these attributes, at "/host".
func bellServer(t *testing.T, h *host, html string) (*api, string) {
	t.Helper()
	pages := http.NewServeMux()
	pages.Handle("/", web.Handler())
	pages.HandleFunc("/host", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", cmp.Or(h.policies, strictPolicy)+h.policy)
		_, _ = fmt.Fprintf(w, `<!doctype html><html %s><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
			<title>Host</title><link rel="icon" href="/icon.svg"><link rel="stylesheet" href="/host.css">
			<script src="/host.js"></script><script type="module" src="%s"></script></head>
			<body><header><belfry-bell user="user-7" page-title %s></belfry-bell></header><main><h1>Host</h1></main></body></html>`, html, cmp.Or(h.from, "/belfry-bell.js"), h.bell)
	})
	serve := func(path, contentType, body string) {
		pages.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = fmt.Fprint(w, body)
		})
	}
	serve("/host.css", "text/css", ":root { color-scheme: light dark; background: light-dark(#fff, #111); color: light-dark(#111, #fff); } header { display: flex; justify-content: end; }")
	serve("/host.js", "text/javascript", "window.broken = []; document.addEventListener('securitypolicyviolation', (e) => broken.push(e.effectiveDirective));"+h.script)
	a := newAPI(t, func(c *Config) {
		c.Pages = pages
		if h.edit != nil {
			h.edit(c)
		}
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.away.Load() && strings.HasPrefix(r.URL.Path, "/v1/") {
			panic(http.ErrAbortHandler)
		}
		if r.Method == http.MethodPost {
			h.mu.Lock()
			h.asked = append(h.asked, filepath.Base(r.URL.Path))
			h.mu.Unlock()
		}
		if h.stream != nil && strings.HasSuffix(r.URL.Path, "/stream") {
			select {
			case <-h.stream:
			case <-r.Context().Done():
			}
		}
		if h.come != nil && strings.HasPrefix(r.URL.Path, h.late) {
			if h.waits {
				select {
				case <-h.come:
				case <-r.Context().Done():
				}
			}
			select {
			case <-h.come:
			default:
				http.Error(w, "later", http.StatusServiceUnavailable)
				return
			}
		}
		a.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return a, srv.URL
}

// The bell of that page, and the inbox behind it.
const (
	bellName  = pageBell + `?.querySelector('button').getAttribute('aria-label') ?? ''`
	bellBadge = pageBell + `.querySelector('#n').hidden ? '' : ` + pageBell + `.querySelector('#n').textContent`
	bellInbox = pageBell + `.querySelector('belfry-inbox').shadowRoot`
	openBell  = `document.querySelector('belfry-bell').open()`
	bellActs  = bellInbox + `.querySelector('#news') !== null` // its controls are there
)

// TestBell has a badge painted before there is a stream, in the colour of what is
// urgent, and what is new seen once it was on the screen for a moment.
func TestBell(t *testing.T) {
	h := &host{stream: make(chan struct{})}
	a, address := bellServer(t, h, `lang="en"`)
	a.notify("user-7", "first", "second")
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellName, "Notifications, 2 new")
	browsertest.Eventually(tab, bellBadge, "2")
	browsertest.Eventually(tab, `document.title`, "(2) Host")
	close(h.stream)
	browsertest.Eventually(tab, `document.querySelector('belfry-bell').client.state.status`, "live")
	sendNote(a, "user-7", `{"title":"now","priority":"urgent"}`)
	browsertest.Eventually(tab, bellName, "Notifications, 3 new, 1 urgent")
	browsertest.Eventually(tab, pageBell+`.querySelector('#n').classList.contains('urgent')`, true)
	browsertest.Eventually(tab, pageBell+`.querySelector('[role=status]').textContent`, "A new notification")

	// By the keyboard: the panel opens, takes the focus on, and closes by Escape.
	browsertest.Eval[any](tab, pageBell+`.querySelector('button').focus()`)
	tab.Press("\r")
	browsertest.Eventually(tab, bellInbox+`.querySelectorAll('li').length`, 3)
	browsertest.Eventually(tab, bellName, "Notifications, nothing new, 1 urgent")
	browsertest.Eventually(tab, bellBadge, "")
	screenshot(t, tab, "bell.png")
	tab.Press(kb.Escape)
	browsertest.Eventually(tab, pageBell+`.querySelector('#p').matches(':popover-open')`, false)
	if row, _ := a.fake.Row("user-7"); row.Badge(time.Now()).Unread != 3 {
		t.Error("what was on the screen was read, want only seen")
	}

	// More than two digits are cut on the screen alone.
	for i := range 100 { // the cap: the urgent one goes
		sendNote(a, "user-7", fmt.Sprintf(`{"title":"%d","category":"c%d"}`, i, i%5))
	}
	browsertest.Eventually(tab, bellName, "Notifications, 100 new")
	browsertest.Eventually(tab, bellBadge, "99+")
	if got := browsertest.Eval[string](tab, `broken.join()`); got != "" {
		t.Errorf("the policy is broken: %s", got)
	}
}

// TestInboxDelete has a delete undone, of which the server never hears, and
// one that the page's end sends.
func TestInboxDelete(t *testing.T) {
	h := &host{}
	a, address := bellServer(t, h, `lang="ko"`)
	a.notify("user-7", "keep", "drop")
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellName, "알림, 새 알림 2 개")
	browsertest.Eval[any](tab, openBell)
	titles := `[...` + bellInbox + `.querySelectorAll('.ti')].map((e) => e.textContent).join('|')`
	browsertest.Eventually(tab, titles, "drop|keep")
	browsertest.Eventually(tab, bellActs, true)
	remove := bellInbox + `.querySelector('[aria-label="삭제: drop"]').click()`
	browsertest.Eval[any](tab, remove)
	browsertest.Eventually(tab, titles, "keep")
	browsertest.Eventually(tab, bellInbox+`.querySelector('#toast').innerText.replace(/\s+/g, ' ')`, "삭제했습니다 실행 취소")
	browsertest.Eval[any](tab, bellInbox+`.querySelector('#toast button').click()`)
	browsertest.Eventually(tab, titles, "drop|keep")
	if got := h.actions(); strings.Contains(got, "delete") {
		t.Errorf("the server heard of %q", got)
	}
	browsertest.Eval[any](tab, remove)
	browsertest.Eventually(tab, titles, "keep")
	tab.Open("about:blank")
	await.Eventually(t, await.Patience, func() string { return "the page's end has not deleted it: " + h.actions() }, func() bool {
		row, _ := a.fake.Row("user-7")
		return len(row.Items) == 1
	})
}

// TestInboxHostile has contents that want to be more than texts.
func TestInboxHostile(t *testing.T) {
	h := &host{}
	a, address := bellServer(t, h, `lang="en"`)
	const override = "\u202e"
	for _, note := range []string{
		`{"title":"<img src=x onerror=hacked()>","body":"</bdi><script>hacked()</script>","actor":{"name":"<b>` + override + `evil","avatar":"/none.png"},"url":"/a?\"onclick=hacked()"}`,
		`{"title":"` + override + `txt.exe","category":"` + override + `c","actor":{"name":"\"'><svg onload=hacked()>"},"data":{"x":"<i>"}}`,
	} {
		sendNote(a, "user-7", note)
	}
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellName, "Notifications, 2 new")
	browsertest.Eval[any](tab, openBell)
	browsertest.Eventually(tab, bellInbox+`.querySelectorAll('li').length`, 2)
	if got := browsertest.Eval[string](tab, `[...`+bellInbox+`.querySelectorAll('li script, li svg[onload], li b, li i, li [onclick], li [onerror], li [style*=expression]')].map((e) => e.outerHTML).join()`); got != "" {
		t.Errorf("a text became markup: %s", got)
	}
	// Each text that is somebody's is isolated from what stands around it.
	if got := browsertest.Eval[string](tab, `[...`+bellInbox+`.querySelectorAll('li *')].filter((e) => e.textContent.includes('`+override+`') && !e.children.length && !e.closest('bdi')).map((e) => e.outerHTML).join()`); got != "" {
		t.Errorf("a direction override gets out: %s", got)
	}
	// A client of one's own may hand the element anything.
	browsertest.Eval[any](tab, `(() => {
		const item = (seq, url, avatar) => ({ seq, version: seq, title: 't', url, actor: { name: 'n', avatar }, time: new Date().toISOString(), priority: 'low', seen: true });
		const items = [item(1, 'javascript:hacked()', 'javascript:hacked()'), item(2, 'data:text/html,x', 'data:image/svg+xml,x'), item(3, 'JaVaScRiPt:hacked()'), item(4, ' \tjavascript:x'), item(5, '//elsewhere.example/x'), item(6, 'https://')];
		const list = { items, loading: false, done: true, error: null, subscribe: () => () => {}, close() {} };
		const inbox = document.createElement('belfry-inbox');
		inbox.id = 'mine';
		inbox.client = { state: { status: 'live', counts: null }, subscribe: () => () => {}, list: () => list };
		document.querySelector('main').append(inbox);
	})()`)
	browsertest.Eventually(tab, `[...document.querySelector('#mine').shadowRoot.querySelectorAll('.m')].map((a) => a.getAttribute('href')).join()`, ",,,,http://elsewhere.example/x,")
	if got := browsertest.Eval[string](tab, `broken.join() + typeof hacked + document.querySelector('#mine').shadowRoot.querySelectorAll('img').length`); got != "undefined0" {
		t.Errorf("got %q, want nothing broken, nothing run and no picture", got)
	}
}

// axe is the version of axe-core that judges; npm fetches it.
const axe = "axe-core@4.14.1"

// TestBellIsAccessible has axe-core judge bell and inbox, open, with all states of a
// list: light and dark, on a phone, in Korean, and from right to left.
func TestBellIsAccessible(t *testing.T) {
	parts.Need(t, "chromium", "node")
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "npm", "install", "--no-audit", "--no-fund", "--prefix", dir, axe).CombinedOutput(); err != nil {
		t.Fatalf("npm install %s: %v\n%s", axe, err, out)
	}
	script, err := os.ReadFile(filepath.Join(dir, "node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	h := &host{edit: func(c *Config) { withReach(t)(c) }}
	for name, tt := range map[string]struct {
		html, scheme  string
		width, height int64
	}{
		"light":         {`lang="en"`, "light", 900, 760},
		"dark":          {`lang="en"`, "dark", 900, 760},
		"mobile":        {`lang="en"`, "light", 390, 844},
		"korean":        {`lang="ko"`, "light", 900, 760},
		"right to left": {`lang="ar" dir="rtl"`, "dark", 900, 760},
	} {
		t.Run(name, func(t *testing.T) {
			a, address := bellServer(t, h, tt.html)
			sendNote(a, "user-7", `{"title":"Room Cedar is yours","category":"reservation","priority":"low"}`)
			sendNote(a, "user-7", `{"title":"김민지님이 댓글을 남겼습니다","body":"좋아요","category":"board","actor":{"name":"김민지"},"url":"/x"}`)
			sendNote(a, "user-7", `{"title":"Sign today","category":"approval","priority":"urgent","actor":{"name":"Sara Lind"},"url":"/x"}`)
			sendNote(a, "user-7", `{"title":"Sign","category":"approval","priority":"high","actor":{"name":"Tom"},"url":"/x"}`)
			tab := browsertest.New(t)
			tab.Resize(tt.width, tt.height)
			tab.Prefer("prefers-color-scheme", tt.scheme)
			tab.Open(address + "/host")
			browsertest.Eventually(tab, bellBadge, "4")
			browsertest.Eval[any](tab, string(script)+`;null`)
			judge := func(state string) {
				t.Helper()
				got := browsertest.Eval[string](tab, `axe.run({ resultTypes: ['violations'] }).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ') + ' ' + n.failureSummary).join('; ')).join('\n'))`)
				if got != "" {
					t.Errorf("%s: %s", state, got)
				}
			}
			judge("closed")
			browsertest.Eval[any](tab, openBell)
			browsertest.Eventually(tab, bellInbox+`.querySelectorAll('li').length`, 4)
			browsertest.Eventually(tab, bellActs, true)
			// An item that fades in has its colours only then.
			browsertest.Eventually(tab, pageBell+`.getAnimations().length + `+bellInbox+`.getAnimations().length`, 0)
			judge("open")
			screenshot(t, tab, "bell-"+strings.ReplaceAll(name, " ", "-")+".png")
			small := `[...` + bellInbox + `.querySelectorAll('button, a')].filter((e) => e.checkVisibility()).filter((e) => { const r = e.getBoundingClientRect(); return r.height < 44 || r.width < 44; }).map((e) => e.outerHTML.slice(0, 80)).join('\n')`
			if got := browsertest.Eval[string](tab, small); got != "" {
				t.Errorf("smaller than 44 px: %s", got)
			}
			browsertest.Eval[any](tab, bellInbox+`.querySelector('#top [part=button]:nth-of-type(3)').click()`)
			browsertest.Eventually(tab, bellInbox+`.querySelector('#settings #device') !== null`, true)
			browsertest.Eval[any](tab, bellInbox+`.querySelector('#settings section:has([name=zone]) > button').click()`)
			browsertest.Eventually(tab, bellInbox+`.querySelector('#settings [type=time]') !== null`, true)
			judge("with settings")
			screenshot(t, tab, "bell-settings-"+strings.ReplaceAll(name, " ", "-")+".png")
			if got := browsertest.Eval[string](tab, strings.Replace(small, "'button, a'", "'button, a, #settings label, select, [type=time]'", 1)); got != "" {
				t.Errorf("smaller than 44 px in the settings: %s", got)
			}
			browsertest.Eval[any](tab, bellInbox+`.querySelector('#settings button').click()`)
			browsertest.Eval[any](tab, bellInbox+`.querySelector('li button:last-child').click()`)
			browsertest.Eventually(tab, bellInbox+`.querySelector('#toast').hidden`, false)
			judge("with a toast")
			browsertest.Eval[any](tab, bellInbox+`.querySelector('[data-tab=archive]').click()`)
			browsertest.Eventually(tab, bellInbox+`.querySelector('.st')?.checkVisibility() ?? false`, true)
			judge("with nothing in it")
			if got := browsertest.Eval[string](tab, `broken.join()`); got != "" {
				t.Errorf("the policy is broken: %s", got)
			}
		})
	}
}
