package server

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/browsertest"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/web"
)

// pageServer serves the pages and the API over a network, on fake tables.
func pageServer(t *testing.T, edit ...func(*Config)) (*api, string) {
	t.Helper()
	a := newAPI(t, append(edit, func(c *Config) { c.Pages = web.Handler() })...)
	srv := httptest.NewServer(a.Handler())
	// The streams of the page go on until the browser ends, which it does first.
	t.Cleanup(srv.Close)
	return a, srv.URL
}

func sendNote(a *api, user, text string) {
	a.t.Helper()
	note, err := belfry.ParseNotification([]byte(text), belfry.Notification{Recipient: user})
	if err != nil {
		a.t.Fatal(err)
	}
	a.Append(user, inbox.Record{Kind: inbox.KindNotify, Notification: note.Notification})
}

const (
	pageBadge  = `document.querySelector('#badge').innerText.replace(/\s+/g, ' ')`
	pageTitles = `[...document.querySelectorAll('#list h2')].map((h) => h.lastChild.textContent).join('|')`
)

func TestPage(t *testing.T) {
	a, address := pageServer(t)
	const user = "사용자-7"
	sendNote(a, user, `{"title":"결재 요청이 도착했습니다","body":"김민지 님이 휴가를 신청했습니다.","category":"approval","priority":"urgent","actor":{"name":"김민지"},"url":"/approvals/4"}`)
	sendNote(a, user, `{"title":"Hostile <b>markup</b>","category":"board","priority":"low"}`)
	tab := browsertest.New(t)
	tab.Open(address + "/?user=%EC%82%AC%EC%9A%A9%EC%9E%90-7")

	browsertest.Eventually(tab, pageBadge, "2 unread")
	browsertest.Eventually(tab, pageTitles, "Hostile <b>markup</b>|결재 요청이 도착했습니다")
	browsertest.Eventually(tab, `document.title`, "(2) 사용자-7 · Belfry")
	browsertest.Eventually(tab, `document.querySelector('#status').textContent`, "Live")
	browsertest.Eventually(tab, `document.querySelector('#list li:last-child .meta').innerText.includes('urgent') &&
		document.querySelector('#list li:last-child .meta').innerText.includes('김민지')`, true)
	browsertest.Eventually(tab, `document.querySelector('#list a').href`, address+"/approvals/4")

	// What arrives shows up in the same document.
	browsertest.Eval[bool](tab, `window.sameDocument = true`)
	sendNote(a, user, `{"title":"새 댓글","category":"board"}`)
	browsertest.Eventually(tab, pageBadge, "3 unread")
	browsertest.Eventually(tab, `document.querySelector('#news').textContent`, "New: 새 댓글")
	if got := browsertest.Eval[bool](tab, `window.sameDocument === true`); !got {
		t.Error("the page was loaded again")
	}
	if dir := os.Getenv("BELFRY_TEST_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "page.png"), tab.Screenshot(), 0o600); err != nil {
			t.Error(err)
		}
	}

	// By keyboard: the button keeps the focus and then undoes itself.
	browsertest.Eval[any](tab, `document.querySelector('#list li:first-child .toggle').focus()`)
	tab.Press("\r")
	browsertest.Eventually(tab, pageBadge, "2 unread")
	browsertest.Eventually(tab, `document.activeElement.getAttribute('aria-label')`, "Mark unread: 새 댓글")
	tab.Press("\r")
	browsertest.Eventually(tab, pageBadge, "3 unread")

	tab.Click("#list li:first-child .archive")
	browsertest.Eventually(tab, pageTitles, "Hostile <b>markup</b>|결재 요청이 도착했습니다")
	tab.Click("#list li:first-child .delete")
	browsertest.Eventually(tab, pageTitles, "결재 요청이 도착했습니다")
	browsertest.Eventually(tab, pageBadge, "1 unread")
	tab.Click("#list li:first-child .toggle")
	browsertest.Eventually(tab, pageBadge, "0 unread")
	browsertest.Eventually(tab, `document.querySelector('#read-all').disabled`, true)
	if row, _ := a.fake.Row(user); len(row.Items) != 2 {
		t.Errorf("got %d items kept, want the archived and the read one", len(row.Items))
	}
}

// What is filled in from the past is listed, and nobody is told of it.
func TestPageSaysNothingOfWhatArrivesRead(t *testing.T) {
	a, address := pageServer(t)
	a.notify("user-7", "first")
	tab := browsertest.New(t)
	tab.Open(address + "/?user=user-7")
	browsertest.Eventually(tab, pageBadge, "1 unread")
	browsertest.Eventually(tab, `document.querySelector('#status').textContent`, "Live")
	a.Append("user-7", inbox.Record{Kind: inbox.KindNotify, Silent: true, Notification: belfry.Notification{ID: "old", Title: belfry.PlainText("old")}})
	browsertest.Eventually(tab, pageTitles, "old|first")
	if got := browsertest.Eval[string](tab, `document.querySelector('#news').textContent + document.querySelectorAll('#list li.unread').length`); got != "1" {
		t.Errorf("the page says %q, want nothing new and 1 unread", got)
	}
	a.notify("user-7", "live")
	browsertest.Eventually(tab, `document.querySelector('#news').textContent`, "New: live")
	browsertest.Eventually(tab, pageBadge, "2 unread")
}

// TestPageMarkAllRead has a notification arrive after the last look at the
// screen and before the click: it stays unread.
func TestPageMarkAllRead(t *testing.T) {
	a, address := pageServer(t)
	a.notify("user-7", "first", "second")
	tab := browsertest.New(t)
	tab.Open(address + "/?user=user-7")
	browsertest.Eventually(tab, pageBadge, "2 unread")

	a.fake.Mu.Lock()
	a.fake.HoldRows = true
	a.fake.Mu.Unlock()
	a.notify("user-7", "later")
	tab.Click("#read-all")
	browsertest.Eventually(tab, `document.querySelector('#read-all').getAttribute('aria-busy')`, "true")
	a.fake.Release()
	browsertest.Eventually(tab, pageTitles, "later|second|first")
	browsertest.Eventually(tab, pageBadge, "1 unread")
	browsertest.Eventually(tab, `document.querySelectorAll('#list li.unread').length`, 1)
}

// TestPageToken has a page ask for a token, and use it for all it fetches.
func TestPageToken(t *testing.T) {
	a, address := pageServer(t, withJWT(t))
	a.notify("user-7", "hello")
	tab := browsertest.New(t)
	tab.Open(address + "/?user=user-7")
	browsertest.Eventually(tab, `document.querySelector('#problem').textContent`, auth.ErrUnauthenticated.Error())
	browsertest.Eventually(tab, `document.querySelector('#login').open`, true)
	browsertest.Eval[any](tab, fmt.Sprintf(`document.querySelector('#token').value = %q`, mint(t, "user-7")))
	tab.Click("form button")
	browsertest.Eventually(tab, pageBadge, "1 unread")
	browsertest.Eventually(tab, `document.querySelector('#status').textContent`, "Live")
	tab.Click("#read-all")
	browsertest.Eventually(tab, pageBadge, "0 unread")
	if got := browsertest.Eval[string](tab, `location.search + document.cookie`); got != "?user=user-7" {
		t.Errorf("got address and cookies %q, want the user alone", got)
	}
}

// TestPagePolicy has a page run under its policy without anything reported, and
// then try what an injected script would.
func TestPagePolicy(t *testing.T) {
	a, address := pageServer(t)
	sendNote(a, "user-7", `{"title":"<img src=x onerror=hacked()>","actor":{"name":"x"}}`)
	tab := browsertest.New(t)
	tab.Open(address + "/?user=user-7")
	browsertest.Eventually(tab, pageBadge, "1 unread")
	browsertest.Eval[any](tab, `window.reports = [];
		new ReportingObserver((list) => reports.push(...list.map((r) => r.body.effectiveDirective)), { types: ['csp-violation'], buffered: true }).observe()`)
	browsertest.Eventually(tab, `document.querySelector('#status').textContent`, "Live")
	if got := browsertest.Eval[string](tab, `reports.join()`); got != "" {
		t.Errorf("the page breaks its own policy: %s", got)
	}
	got := browsertest.Eval[string](tab, `new Promise((done) => setTimeout(() => { // later: what the debugger evaluates may eval
		window.tried = [];
		const script = document.createElement('script');
		try { script.textContent = "tried.push('inline script')"; } catch { /* no trusted type */ }
		script.append("tried.push('inline script')");
		document.body.append(script);
		const button = document.createElement('button');
		try { button.setAttribute('onclick', "tried.push('handler')"); } catch { /* no trusted type */ }
		document.body.append(button);
		button.click();
		try { eval("tried.push('eval')"); } catch { /* refused */ }
		try { document.body.insertAdjacentHTML('beforeend', '<i id=injected></i>'); } catch { /* no trusted type */ }
		if (document.querySelector('#injected')) tried.push('markup');
		done(tried.join());
	}))`)
	if got != "" {
		t.Errorf("the policy lets through: %s", got)
	}
	browsertest.Eventually(tab, `reports.length > 0`, true)
	browsertest.Eventually(tab, `new Promise((done) => {
		fetch('https://elsewhere.example/').then(() => done('sent'), () => done('refused'));
	})`, "refused")
	browsertest.Eventually(tab, `reports.includes('connect-src')`, true)
}
