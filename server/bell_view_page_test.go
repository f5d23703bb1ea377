package server

import (
	"testing"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/browsertest"
)

// noteWords has the page note the names that elements get, in the order in which they do.
const noteWords = `
window.said = [];
const set = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (name, value) {
	if (name === 'aria-label') said.push(value);
	return set.call(this, name, value);
};
`

// TestBellInKorean has no word of another language show, not for a moment, though the page
// opens the bell and uses its client before there are any.
func TestBellInKorean(t *testing.T) {
	a, address := bellServer(t, &host{script: noteWords + `
		customElements.whenDefined('belfry-bell').then(async () => {
			const bell = document.querySelector('belfry-bell');
			await Promise.resolve();
			window.listed = bell.client.list();
			bell.open();
		});`}, `lang="ko"`)
	sendNote(a, "user-7", `{"title":"결재 요청"}`)
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellInbox+`.querySelector('h2').textContent + ' ' + `+bellInbox+`.querySelectorAll('li').length`, "알림 1")
	browsertest.Eventually(tab, bellName, "알림, 새 알림 없음") // it is seen
	browsertest.Eventually(tab, `listed.items.length`, 1)
	if got := browsertest.Eval[string](tab, `said.filter((s) => /[a-z]/i.test(s)).join('|')`); got != "" {
		t.Errorf("got the names %q on the way, want Korean alone", got)
	}
	if got := browsertest.Eval[string](tab, `broken.join()`); got != "" {
		t.Errorf("the policy is broken: %s", got)
	}
}

// TestBellWithoutItsView has the file that inboxes show themselves by not to be had: the
// badge is there, and an inbox says so, with ways out.
func TestBellWithoutItsView(t *testing.T) {
	h := &host{late: "/belfry-view.", come: make(chan struct{})}
	a, address := bellServer(t, h, `lang="en"`)
	a.notify("user-7", "first")
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellBadge, "1")
	browsertest.Eval[any](tab, openBell)
	const says = bellInbox + `.querySelector('[role=alert]').textContent + ' ' + ` + bellInbox + `.querySelector('button').textContent`
	browsertest.Eventually(tab, says, "Notifications cannot be reached. Try again")
	if got := browsertest.Eval[bool](tab, bellInbox+`.querySelector('slot[name=header]').assignedElements({ flatten: true }).some((e) => e.id === 'x')`); !got {
		t.Error("on a phone there is no way out of the panel")
	}

	// Another list may be asked for before there is one.
	browsertest.Eval[any](tab, pageBell+`.querySelector('belfry-inbox').show({ status: 'unread' })`)
	close(h.come)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellBadge, "1")
	browsertest.Eval[any](tab, openBell)
	browsertest.Eval[any](tab, pageBell+`.querySelector('belfry-inbox').show({ status: 'archived' })`)
	browsertest.Eventually(tab, bellInbox+`.querySelector('[aria-selected=true]')?.dataset.tab ?? ''`, "archive")
	browsertest.Eval[any](tab, pageBell+`.querySelector('belfry-inbox').show({ status: 'all' })`)
	browsertest.Eventually(tab, bellInbox+`.querySelectorAll('li').length`, 1)
}

// TestInboxWithoutItsControls has the file that lists are acted on with not to be had: the
// list is there and a click on it reads, the inbox says so, and a key that is pressed before
// it comes is done when it has come.
func TestInboxWithoutItsControls(t *testing.T) {
	h := &host{late: "/belfry-controls.", come: make(chan struct{})}
	a, address := bellServer(t, h, `lang="en"`)
	a.notify("user-7", "first", "second")
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellBadge, "2")
	browsertest.Eval[any](tab, openBell)
	const shows = bellInbox + `.querySelectorAll('li').length + ' ' + ` + bellInbox + `.querySelectorAll('li.un').length + ' ' + ` + bellInbox + `.querySelector('[role=alert]').textContent`
	browsertest.Eventually(tab, shows, "2 2 Notifications cannot be reached.")
	browsertest.Eval[any](tab, bellInbox+`.querySelector('li .m').click()`)
	browsertest.Eventually(tab, shows, "2 1 Notifications cannot be reached.")

	late := &host{late: h.late, come: make(chan struct{}), waits: true}
	a, address = bellServer(t, late, `lang="en"`)
	a.notify("user-7", "first", "second")
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellBadge, "2")
	browsertest.Eval[any](tab, openBell)
	browsertest.Eventually(tab, shows, "2 2 ")
	browsertest.Eval[any](tab, bellInbox+`.querySelector('.m').focus()`)
	tab.Press("e")
	close(late.come)
	browsertest.Eventually(tab, shows, "1 1 ")
	browsertest.Eventually(tab, bellActs, true)
}

// TestBellWithoutWhatActs has the file that actions show by at once not to be had: they are
// done all the same, those too that are held as the page ends.
func TestBellWithoutWhatActs(t *testing.T) {
	h := &host{late: "/belfry-acting.", come: make(chan struct{})}
	a, address := bellServer(t, h, `lang="en"`)
	a.notify("user-7", "keep", "read", "drop")
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellBadge, "3")
	browsertest.Eval[any](tab, `document.querySelector('belfry-bell').client.read({ seqs: [2] })`)
	browsertest.Eventually(tab, bellBadge, "2")
	if got := browsertest.Eval[string](tab, `document.querySelector('belfry-bell').client.markAll('read').then(() => '', (e) => e.name)`); got != "TypeError" {
		t.Errorf("what needs the file fails as %q, want it told", got)
	}
	browsertest.Eval[bool](tab, `(() => { document.querySelector('belfry-bell').client.hold('remove', { seqs: [3] }); return true; })()`)
	tab.Open("about:blank")
	await.Eventually(t, await.Patience, func() string { return "the page's end has not deleted it: " + h.actions() }, func() bool {
		row, _ := a.fake.Row("user-7")
		return len(row.Items) == 2
	})
}

// TestInboxOffline has a page lose the network while its inbox is open: it says that what
// it shows is what was there last, goes on showing that, and says no more once it is back.
func TestInboxOffline(t *testing.T) {
	h := &host{}
	a, address := bellServer(t, h, `lang="en"`)
	a.notify("user-7", "first")
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellBadge, "1")
	browsertest.Eval[any](tab, openBell)
	const shows = bellInbox + `.querySelectorAll('li').length + ' ' + ` + bellInbox + `.querySelector('#banner').checkVisibility() + ' ' + ` + bellInbox + `.querySelector('[role=alert]').textContent`
	browsertest.Eventually(tab, shows, "1 false ")
	h.away.Store(true)
	browsertest.Eval[any](tab, `dispatchEvent(new Event('offline'))`)
	browsertest.Eventually(tab, shows, "1 true You’re offline. This is what was there last.")
	a.notify("user-7", "second")
	h.away.Store(false)
	browsertest.Eval[any](tab, `dispatchEvent(new Event('online'))`)
	browsertest.Eventually(tab, shows, "2 false ")
}
