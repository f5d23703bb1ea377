package server

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/browsertest"
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

// The content of a page, in the shadow of its inbox and its bell.
const (
	pageBell   = `document.querySelector('belfry-bell').shadowRoot`
	pageInbox  = `document.querySelector('main belfry-inbox').shadowRoot`
	pageTitles = `[...` + pageInbox + `.querySelectorAll('.ti')].map((e) => e.textContent).join('|')`
	pageUnread = pageInbox + `.querySelectorAll('li.un').length`
	pageNews   = pageInbox + `.querySelector('[role=status]').textContent`
	pageLive   = `document.querySelector('main belfry-inbox').client?.state.status`
	pageActs   = pageInbox + `.querySelector('#news') !== null` // its controls are there
	pageFocus  = pageInbox + `.activeElement?.closest('li')?.querySelector('.ti').textContent ?? ''`
)

// pageItem is an element of the item of that number from the top.
func pageItem(n int, selector string) string {
	return fmt.Sprintf(pageInbox+`.querySelectorAll('li')[%d].querySelector('%s')`, n, selector)
}

func TestPage(t *testing.T) {
	a, address := pageServer(t)
	const user = "사용자-7"
	sendNote(a, user, `{"title":"결재 요청이 도착했습니다","body":"김민지 님이 휴가를 신청했습니다.","category":"approval","priority":"urgent","actor":{"name":"김민지"},"url":"/ops"}`)
	sendNote(a, user, `{"title":"Hostile <b>markup</b>","category":"board","priority":"low"}`)
	tab := browsertest.New(t)
	tab.Open(address + "/?user=%EC%82%AC%EC%9A%A9%EC%9E%90-7")

	browsertest.Eventually(tab, pageTitles, "Hostile <b>markup</b>|결재 요청이 도착했습니다")
	browsertest.Eventually(tab, `document.title`, "(2) 사용자-7 · Belfry")
	browsertest.Eventually(tab, pageLive, "live")
	browsertest.Eventually(tab, pageItem(1, ".me")+`.textContent.includes('Urgent')`, true)
	browsertest.Eventually(tab, pageItem(1, ".av")+`.textContent`, "민지")
	browsertest.Eventually(tab, pageItem(1, ".m")+`.href`, address+"/ops")
	browsertest.Eventually(tab, pageItem(1, ".ti")+`.lang`, "ko")

	// An item that arrives shows up in the same document, and is said once.
	browsertest.Eval[bool](tab, `window.sameDocument = true`)
	sendNote(a, user, `{"title":"새 댓글","category":"board"}`)
	browsertest.Eventually(tab, pageUnread, 3)
	browsertest.Eventually(tab, pageNews, "New: 새 댓글")
	if got := browsertest.Eval[bool](tab, `window.sameDocument === true`); !got {
		t.Error("the page was loaded again")
	}
	browsertest.Eventually(tab, pageActs, true)
	screenshot(t, tab, "page.png")

	// By keyboard alone: Tab comes to the newest item, the focus stays with it.
	browsertest.Eval[any](tab, pageInbox+`.querySelector('[tabindex="0"].m').focus()`)
	tab.Press("u")
	browsertest.Eventually(tab, pageUnread, 2)
	browsertest.Eventually(tab, pageFocus, "새 댓글")
	tab.Press("u")
	browsertest.Eventually(tab, pageUnread, 3)
	tab.Press(kb.ArrowDown)
	browsertest.Eventually(tab, pageFocus, "Hostile <b>markup</b>")
	tab.Press("e")
	browsertest.Eventually(tab, pageTitles, "새 댓글|결재 요청이 도착했습니다")
	browsertest.Eventually(tab, pageFocus, "결재 요청이 도착했습니다")
	tab.Press("z")
	browsertest.Eventually(tab, pageTitles, "새 댓글|Hostile <b>markup</b>|결재 요청이 도착했습니다")
	tab.Press("?")
	browsertest.Eventually(tab, pageInbox+`.querySelector('#help').matches(':popover-open')`, true)
	tab.Press(kb.Escape)
	browsertest.Eventually(tab, pageInbox+`.querySelector('#help').matches(':popover-open')`, false)
	if got := browsertest.Eval[int](tab, pageInbox+`.querySelectorAll('li [tabindex="0"]').length`); got != 1 {
		t.Errorf("the list has %d tab stops, want 1", got)
	}

	// A click reads, and follows. The actions before it have been sent by then: of
	// what waits for an answer as a page ends the order is the network's.
	await.Eventually(t, await.Patience, func() string { return "the item is not back" }, func() bool {
		row, _ := a.fake.Row(user)
		e, ok := row.Entry(2)
		return ok && e.Unarchived > 0
	})
	browsertest.Eval[any](tab, pageItem(2, ".m")+`.click()`)
	browsertest.Eventually(tab, `location.pathname`, "/ops")
	await.Eventually(t, await.Patience, func() string { return "the click has not read" }, func() bool {
		row, _ := a.fake.Row(user)
		return row.Badge(time.Now()).Unread == 2
	})
}

// Notifications that are filled in from the past are listed, and the page does not announce them.
func TestPageSaysNothingOfWhatArrivesRead(t *testing.T) {
	a, address := pageServer(t)
	a.notify("user-7", "first")
	tab := browsertest.New(t)
	tab.Open(address + "/?user=user-7")
	browsertest.Eventually(tab, pageUnread, 1)
	browsertest.Eventually(tab, pageLive, "live")
	browsertest.Eventually(tab, pageActs, true)
	a.Append("user-7", inbox.Record{Kind: inbox.KindNotify, Silent: true, Notification: belfry.Notification{ID: "old", Title: belfry.PlainText("old")}})
	browsertest.Eventually(tab, pageTitles, "old|first")
	if got := browsertest.Eval[string](tab, pageNews+` + `+pageUnread); got != "1" {
		t.Errorf("the page says %q, want nothing new and 1 unread", got)
	}
	a.notify("user-7", "live")
	browsertest.Eventually(tab, pageNews, "New: live")
	browsertest.Eventually(tab, pageUnread, 2)
}

// TestPageMarkAllRead has a notification arrive after the last look at the
// screen and before the click: it stays unread.
func TestPageMarkAllRead(t *testing.T) {
	a, address := pageServer(t)
	a.notify("user-7", "first", "second")
	tab := browsertest.New(t)
	tab.Open(address + "/?user=user-7")
	browsertest.Eventually(tab, pageUnread, 2)
	browsertest.Eventually(tab, pageLive, "live")
	browsertest.Eventually(tab, pageActs, true)

	a.fake.Mu.Lock()
	a.fake.HoldRows = true
	a.fake.Mu.Unlock()
	a.notify("user-7", "later")
	browsertest.Eval[any](tab, pageInbox+`.querySelector('[aria-label="Mark all as read"]').click()`)
	browsertest.Eventually(tab, pageUnread, 0) // at once
	a.fake.Release()
	browsertest.Eventually(tab, pageTitles, "later|second|first")
	browsertest.Eventually(tab, pageUnread, 1)
	browsertest.Eventually(tab, `document.title`, "(1) user-7 · Belfry")
}

// TestPageToken has a page ask for a token, and show the inbox of whom it names.
func TestPageToken(t *testing.T) {
	a, address := pageServer(t, withJWT(t))
	a.notify("사용자-7", "hello")
	tab := browsertest.New(t)
	tab.Open(address)
	browsertest.Eventually(tab, `document.querySelector('#login').hidden`, false)
	browsertest.Eval[any](tab, `document.querySelector('#token').value = 'not a token'`)
	tab.Click("#login button")
	browsertest.Eventually(tab, `document.querySelector('#problem').textContent`, "This token names no user.")
	browsertest.Eval[any](tab, fmt.Sprintf(`document.querySelector('#token').value = %q`, mint(t, "사용자-7")))
	tab.Click("#login button")
	browsertest.Eventually(tab, pageUnread, 1)
	browsertest.Eventually(tab, pageLive, "live")
	browsertest.Eventually(tab, pageActs, true)
	browsertest.Eval[any](tab, pageInbox+`.querySelector('[aria-label="Mark all as read"]').click()`)
	browsertest.Eventually(tab, `document.title`, "사용자-7 · Belfry")
	if got := browsertest.Eval[string](tab, `location.search + document.cookie`); got != "" {
		t.Errorf("got address and cookies %q, want none", got)
	}
	// A token that is refused is asked for again.
	browsertest.Eval[any](tab, `sessionStorage.setItem('belfry.token', sessionStorage.getItem('belfry.token') + 'x')`)
	tab.Open(address)
	browsertest.Eventually(tab, pageInbox+`.querySelector('#banner button').textContent`, "Sign in")
	browsertest.Eval[any](tab, pageInbox+`.querySelector('#banner button').click()`)
	browsertest.Eventually(tab, `document.querySelector('#problem').textContent`, "The server did not accept this token.")
}

// TestPagePolicy has a page run under its policy without anything reported, and
// then try what an injected script would.
func TestPagePolicy(t *testing.T) {
	a, address := pageServer(t)
	sendNote(a, "user-7", `{"title":"<img src=x onerror=hacked()>","actor":{"name":"x"}}`)
	tab := browsertest.New(t)
	tab.Open(address + "/?user=user-7")
	browsertest.Eventually(tab, pageUnread, 1)
	browsertest.Eval[any](tab, `window.reports = [];
		new ReportingObserver((list) => reports.push(...list.map((r) => r.body.effectiveDirective)), { types: ['csp-violation'], buffered: true }).observe()`)
	browsertest.Eventually(tab, pageLive, "live")
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
