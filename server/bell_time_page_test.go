package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/browsertest"
)

// TestBellSnooze has an item snoozed by the keyboard, taken back, snoozed until a time of
// one's own, shown before it, and its category muted and heard again.
func TestBellSnooze(t *testing.T) {
	h := &host{}
	a, address := bellServer(t, h, `lang="en"`)
	sendNote(a, "user-7", `{"title":"other","category":"approval"}`)
	for _, who := range []string{"Kim", "Lee", "Park", "Kim"} {
		sendNote(a, "user-7", fmt.Sprintf(`{"title":"comment","category":"board","collapse_key":"post-1","actor":{"id":%q,"name":%[1]q}}`, who))
	}
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellName, "Notifications, 2 new")
	browsertest.Eval[any](tab, openBell)
	const (
		titles   = `[...` + bellInbox + `.querySelectorAll('.ti')].map((e) => e.textContent).join('|')`
		toast    = bellInbox + `.querySelector('#toast').hidden ? '' : ` + bellInbox + `.querySelector('#toast').innerText.replace(/\s+/g, ' ')`
		undo     = bellInbox + `.querySelector('#toast button').click()`
		menuOpen = bellInbox + `.querySelector('#menu').matches(':popover-open')`
		mutes    = bellInbox + `.querySelector('#mutes').checkVisibility() ? [...` + bellInbox + `.querySelectorAll('#mutes button')].map((b) => b.ariaLabel).join() : ''`
	)
	// tells is the same toast without the instant, which is in the words of Intl.
	tells := func(start string) string { return `(` + toast + `).startsWith('` + start + `')` }
	pick := func(text string) string {
		return `[...` + bellInbox + `.querySelectorAll('#menu button')].find((b) => b.textContent.startsWith('` + text + `')).click()`
	}
	browsertest.Eventually(tab, titles, "comment|other")
	browsertest.Eventually(tab, bellInbox+`.querySelector('.me').textContent.includes('Kim, Park and 1 other')`, true)

	// By the keyboard, and undone: the server never hears of it.
	browsertest.Eval[any](tab, bellInbox+`.querySelector('.m').focus()`)
	tab.Press("s")
	browsertest.Eventually(tab, menuOpen, true)
	browsertest.Eventually(tab, bellInbox+`.activeElement.textContent.startsWith('In an hour')`, true)
	screenshot(t, tab, "bell-snooze.png")
	tab.Press("\r")
	browsertest.Eventually(tab, menuOpen, false)
	browsertest.Eventually(tab, titles, "other")
	browsertest.Eventually(tab, bellInbox+`.querySelector('[data-tab=all] .n').textContent`, "1")
	browsertest.Eventually(tab, tells("Snoozed until "), true)
	browsertest.Eval[any](tab, undo)
	browsertest.Eventually(tab, titles, "comment|other")
	if got := h.actions(); strings.Contains(got, "snooze") {
		t.Errorf("the server heard of %q", got)
	}

	// A time of one's own; the undo is over, or the page is left.
	own := time.Now().AddDate(0, 0, 3).Format("2006-01-02") + "T08:30"
	browsertest.Eval[any](tab, bellInbox+`.querySelector('[aria-label="Snooze: comment"]').click()`)
	browsertest.Eventually(tab, menuOpen, true)
	browsertest.Eval[any](tab, fmt.Sprintf(bellInbox+`.querySelector('#menu input').value = %q`, own))
	browsertest.Eval[any](tab, bellInbox+`.querySelector('#menu form').requestSubmit()`)
	browsertest.Eventually(tab, titles, "other")
	await.Eventually(t, await.Patience, func() string { return "it is not snoozed: " + h.actions() }, func() bool {
		return strings.Contains(h.actions(), "snooze")
	})
	browsertest.Eval[any](tab, bellInbox+`.querySelector('[data-tab=later]').click()`)
	browsertest.Eventually(tab, titles, "comment")
	browsertest.Eventually(tab, bellInbox+`.querySelector('time').textContent`, "8:30 AM")
	screenshot(t, tab, "bell-scheduled.png")
	browsertest.Eval[any](tab, bellInbox+`.querySelector('[aria-label="Show now: comment"]').click()`)
	browsertest.Eventually(tab, titles, "")
	browsertest.Eval[any](tab, bellInbox+`.querySelector('[data-tab=all]').click()`)
	browsertest.Eventually(tab, titles, "comment|other")

	// Muted: what comes is archived and read, until it is heard again.
	browsertest.Eval[any](tab, bellInbox+`.querySelector('[aria-label="Snooze: comment"]').click()`)
	browsertest.Eventually(tab, menuOpen, true)
	browsertest.Eval[any](tab, pick("Mute Board"))
	browsertest.Eventually(tab, mutes, "Unmute Board")
	browsertest.Eventually(tab, tells("Board is muted"), true)
	sendNote(a, "user-7", `{"title":"quiet","category":"board"}`)
	sendNote(a, "user-7", `{"title":"loud","category":"approval"}`)
	browsertest.Eventually(tab, titles, "loud|comment|other")
	tab.Open(address + "/host") // they are asked for anew
	browsertest.Eventually(tab, pageBell+`?.querySelector('button').ariaLabel !== null`, true)
	browsertest.Eval[any](tab, openBell)
	browsertest.Eventually(tab, mutes, "Unmute Board")
	browsertest.Eval[any](tab, bellInbox+`.querySelector('#mutes button').click()`)
	browsertest.Eventually(tab, mutes, "")

	// Another device mutes and hears again.
	a.Append("user-7", inbox.Record{Kind: inbox.KindMute, Category: "approval"})
	browsertest.Eventually(tab, mutes, "Unmute Approval")
	a.Append("user-7", inbox.Record{Kind: inbox.KindUnmute, Category: "approval"})
	browsertest.Eventually(tab, mutes, "")
	if got := browsertest.Eval[string](tab, `broken.join()`); got != "" {
		t.Errorf("the policy is broken: %s", got)
	}
}

// TestBellShowsWhatIsOpen has a server that names no capability: nothing of them shows. The
// page has the bell from the one file that loads nothing more.
func TestBellShowsWhatIsOpen(t *testing.T) {
	a, address := bellServer(t, &host{from: "/belfry-all.js", edit: func(c *Config) { c.Features = 0 }}, `lang="ko"`)
	sendNote(a, "user-7", `{"title":"comment","category":"board"}`)
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellBadge, "1")
	browsertest.Eval[any](tab, openBell)
	browsertest.Eventually(tab, bellInbox+`.querySelectorAll('li').length`, 1)
	browsertest.Eventually(tab, bellActs, true)
	if got := browsertest.Eval[string](tab, `[...`+bellInbox+`.querySelectorAll('li button')].filter((b) => !b.hidden).map((b) => b.title).join('|') + ' ' + `+bellInbox+`.querySelectorAll('[data-tab=later]').length`); got != "더보기|읽음으로 표시|보관|삭제 0" {
		t.Errorf("got %q, want no snooze and no tab of what is scheduled", got)
	}
	if got := browsertest.Eval[string](tab, `performance.getEntriesByType('resource').map((e) => new URL(e.name).pathname).filter((p) => p.startsWith('/belfry')).join(' ')`); got != "/belfry-all.js" {
		t.Errorf("the page loaded %q, want one file", got)
	}
}
