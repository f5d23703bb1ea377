package server

import (
	"fmt"
	"testing"

	"github.com/belfry/belfry/internal/browsertest"
)

// TestInboxLists has a list loaded as it is scrolled, of one category, of what is unread, by
// importance and under the headings of days; and read from right to left by its arrows.
func TestInboxLists(t *testing.T) {
	a, address := bellServer(t, &host{}, `lang="en" dir="rtl"`)
	sendNote(a, "user-7", `{"title":"first","category":"approval","priority":"urgent"}`)
	for n := range 60 {
		sendNote(a, "user-7", fmt.Sprintf(`{"title":"%d","category":"board"}`, n))
	}
	tab := browsertest.New(t)
	tab.Resize(900, 760)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellBadge, "61")
	browsertest.Eval[any](tab, openBell)
	const (
		rows  = bellInbox + `.querySelectorAll('li').length`
		first = `(` + bellInbox + `.querySelector('.ti')?.textContent ?? '')`
		heads = `[...` + bellInbox + `.querySelectorAll('h3[part=day]')].map((e) => e.textContent).join()`
		tabs  = `[...` + bellInbox + `.querySelectorAll('[role=tab]')].slice(0, 3).map((e) => e.querySelector('bdi').textContent + ' ' + e.querySelector('.n').textContent).join()`
	)
	browsertest.Eventually(tab, first+` + ' ' + `+heads, "59 Today")
	browsertest.Eventually(tab, tabs, "All 61,Approval 1,Board 60")
	if got := browsertest.Eval[int](tab, rows); got >= 61 {
		t.Fatalf("got %d items before somebody scrolls, want a page or two", got)
	}
	browsertest.Eventually(tab, `(() => { const e = `+bellInbox+`.querySelector('#scroll'); e.scrollTop = e.scrollHeight; return `+rows+`; })()`, 61)
	browsertest.Eventually(tab, bellInbox+`.querySelector('#end').textContent`, "That’s all")

	// The arrow of where the text goes leads to the tab after this one.
	browsertest.Eval[any](tab, bellInbox+`.querySelector('[data-tab=all]').focus()`)
	browsertest.Eval[any](tab, bellInbox+`.querySelector('[data-tab=all]').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true }))`)
	browsertest.Eventually(tab, first+` + ' ' + `+rows, "first 1")
	browsertest.Eval[any](tab, bellInbox+`.querySelector('[data-tab=all]').click()`)
	browsertest.Eventually(tab, first, "59")

	browsertest.Eval[any](tab, bellInbox+`.querySelectorAll('#filters button')[1].click()`)
	browsertest.Eventually(tab, first+` + ' ' + `+heads, "first Urgent,Everything else")
	browsertest.Eval[any](tab, `document.querySelector('belfry-bell').client.read({ seqs: [1] })`)
	browsertest.Eval[any](tab, bellInbox+`.querySelector('#filters button').click()`)
	browsertest.Eventually(tab, first+` + ' ' + `+heads, "59 Everything else")
}

// TestInboxPins has announcements stand on top until they are over, where a page wants that.
func TestInboxPins(t *testing.T) {
	_, address := bellServer(t, &host{}, `lang="en"`)
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, `customElements.get('belfry-inbox') !== undefined`, true)
	browsertest.Eval[any](tab, `(() => {
		const time = new Date().toISOString(), over = new Date(Date.now() - 1000).toISOString(), ahead = new Date(Date.now() + 86400000).toISOString();
		const item = (seq, more) => ({ seq, version: seq, title: 'n' + seq, time, priority: 'normal', seen: true, read: true, ...more });
		const items = [item(4), item(3, { audience: 'all', expires_at: over }), item(2), item(1, { audience: 'topic:canteen', expires_at: ahead })];
		const old = [item(-1), item(-2, { audience: 'all', expires_at: ahead })];
		let changed;
		const list = { items, loading: false, done: false, error: null, subscribe: (f) => { changed = f; return () => {}; }, close() {},
			more() { list.items = [...items, ...old]; list.done = true; setTimeout(changed); return Promise.resolve(); } };
		const inbox = document.createElement('belfry-inbox');
		inbox.id = 'mine';
		inbox.client = { state: { status: 'live', counts: null }, subscribe: () => () => {}, list: () => list };
		document.querySelector('main').append(inbox);
	})()`)
	const shown = `[...document.querySelector('#mine').shadowRoot.querySelectorAll('h3[part=day], .ti')].map((e) => e.textContent).join()`
	browsertest.Eventually(tab, shown, "Today,n4,n3,n2,n1")
	// Those of pages that nobody has scrolled to, too.
	browsertest.Eval[any](tab, `document.querySelector('#mine').setAttribute('pin', '')`)
	browsertest.Eventually(tab, shown, "Announcements,n1,n-2,Today,n4,n3,n2,n-1")
}
