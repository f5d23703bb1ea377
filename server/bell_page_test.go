package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/browsertest"
)

// watchOutside has the page note what the bell does outside of its content.
const watchOutside = `
window.badges = [];
Navigator.prototype.setAppBadge = async (n) => { badges.push(n); };
window.tones = 0;
window.AudioContext = class extends AudioContext { constructor() { super(); tones++; } };
window.played = [];
window.Audio = function (at) { played.push(at); this.play = async () => {}; };
`

const (
	iconNow = `document.querySelector('link[rel=icon]').href.replace(location.origin, '')`
	// iconDot is what the icon has where the dot is: red, green, blue.
	iconDot = `(async () => {
		const img = new Image();
		img.src = document.querySelector('link[rel=icon]').href;
		await img.decode();
		const c = document.createElement('canvas').getContext('2d');
		c.drawImage(img, 0, 0, 64, 64);
		return [...c.getImageData(46, 18, 1, 1).data].slice(0, 3).join();
	})()`
)

// TestBellOutside has the options show what is unread on the icon of the tab and of
// the installed page, and be heard.
func TestBellOutside(t *testing.T) {
	h := &host{bell: `favicon app-badge sound`, policy: "; img-src 'self' data:", script: watchOutside}
	a, address := bellServer(t, h, `lang="en"`)
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellName, "Notifications, nothing new")
	browsertest.Eventually(tab, `document.querySelector('belfry-bell').client.state.status`, "live")
	browsertest.Eventually(tab, iconNow, "/icon.svg")
	a.notify("user-7", "first", "second")
	browsertest.Eventually(tab, `badges.at(-1)`, 2)
	browsertest.Eventually(tab, iconNow+`.startsWith('data:image/png')`, true)
	browsertest.Eventually(tab, iconDot, "211,48,44")
	browsertest.Eventually(tab, `tones > 0`, true)
	browsertest.Eval[any](tab, `document.querySelector('belfry-bell').client.markAll('read')`)
	browsertest.Eventually(tab, `badges.at(-1)`, 0)
	browsertest.Eventually(tab, iconNow, "/icon.svg")

	// Addresses of one's own; a sound needs the bell to be told of the option alone.
	browsertest.Eval[any](tab, `document.querySelector('belfry-bell').setAttribute('favicon', '/unread.svg')`)
	browsertest.Eval[any](tab, `document.querySelector('belfry-bell').setAttribute('sound', '/ding.ogg')`)
	browsertest.Eventually(tab, `navigator.locks.query().then((l) => l.held.filter((lock) => lock.name === 'belfry-sound').length)`, 0)
	a.notify("user-7", "third")
	browsertest.Eventually(tab, iconNow, "/unread.svg")
	browsertest.Eventually(tab, `played.join()`, "/ding.ogg")

	// The bell leaves the page as it was.
	browsertest.Eval[any](tab, `document.querySelector('belfry-bell').remove()`)
	browsertest.Eventually(tab, iconNow+` + ' ' + document.title + ' ' + badges.at(-1)`, "/icon.svg Host 0")
	if got := browsertest.Eval[string](tab, `broken.join()`); got != "" {
		t.Errorf("the policy is broken: %s", got)
	}
}

// TestBellKeepsToItself has a bell without options touch nothing outside.
func TestBellKeepsToItself(t *testing.T) {
	h := &host{script: watchOutside}
	a, address := bellServer(t, h, `lang="en"`)
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, `document.querySelector('belfry-bell').client?.state.status`, "live")
	a.notify("user-7", "first", "second")
	browsertest.Eventually(tab, bellBadge, "2")
	if got := browsertest.Eval[string](tab, `badges.length + ' ' + tones + ' ' + played.length + ' ' + `+iconNow); got != "0 0 0 /icon.svg" {
		t.Errorf("got %q, want no number on the icon, no sound and the icon as it was", got)
	}
}

// TestBellWithoutMotion has whoever asked for less motion get none, and others some.
func TestBellWithoutMotion(t *testing.T) {
	for preference, moves := range map[string]bool{"reduce": false, "no-preference": true} {
		t.Run(preference, func(t *testing.T) {
			h := &host{script: `
				window.animated = new Set();
				const animate = Element.prototype.animate;
				Element.prototype.animate = function (...args) { animated.add('badge'); return animate.apply(this, args); };`}
			a, address := bellServer(t, h, `lang="en"`)
			a.notify("user-7", "first")
			tab := browsertest.New(t)
			tab.Prefer("prefers-reduced-motion", preference)
			tab.Open(address + "/host")
			browsertest.Eventually(tab, bellBadge, "1")
			// Animations start in any shadow, and are heard of there.
			browsertest.Eval[any](tab, pageBell+`.addEventListener('animationstart', (e) => animated.add(e.animationName), true)`)
			browsertest.Eval[any](tab, openBell)
			browsertest.Eventually(tab, bellInbox+`.querySelectorAll('li').length`, 1)
			browsertest.Eventually(tab, bellActs, true)
			browsertest.Eval[any](tab, bellInbox+`.addEventListener('animationstart', (e) => animated.add(e.animationName), true)`)
			a.notify("user-7", "second")
			browsertest.Eventually(tab, bellInbox+`.querySelectorAll('li').length`, 2)
			browsertest.Eventually(tab, bellName, "Notifications, nothing new") // later than any of them
			if got := browsertest.Eval[string](tab, `[...animated].sort().join()`); moves != strings.Contains(got, "badge") || moves != strings.Contains(got, "n") {
				t.Errorf("got animations %q, want some: %v", got, moves)
			}
		})
	}
}

// TestBellInForcedColours has a user's own few colours: what is said by a fill alone
// is said by a line or a system colour then.
func TestBellInForcedColours(t *testing.T) {
	a, address := bellServer(t, &host{}, `lang="en"`)
	sendNote(a, "user-7", `{"title":"Sign today","category":"approval","priority":"urgent","actor":{"name":"Sara Lind"}}`)
	a.notify("user-7", "first")
	tab := browsertest.New(t)
	tab.Prefer("forced-colors", "active")
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellBadge, "2")
	style := func(root, selector, of string) string {
		return fmt.Sprintf(`getComputedStyle(%s.querySelector('%s')).%s`, root, selector, of)
	}
	if got := browsertest.Eval[string](tab, style(pageBell, "#n", "borderTopStyle")); got != "solid" {
		t.Errorf("the badge has the border %q, want a solid one", got)
	}
	browsertest.Eval[any](tab, openBell)
	browsertest.Eventually(tab, bellInbox+`.querySelectorAll('li').length`, 2)
	browsertest.Eventually(tab, bellActs, true)
	highlight := browsertest.Eval[string](tab, `(() => {
		const e = document.body.appendChild(document.createElement('i'));
		e.style.forcedColorAdjust = 'none';
		e.style.color = 'Highlight';
		return getComputedStyle(e).color;
	})()`)
	for _, selector := range []string{"li.un:not(.urgent) .dot", "li.urgent .dot"} {
		if got := browsertest.Eval[string](tab, style(bellInbox, selector, "backgroundColor")); got != highlight {
			t.Errorf("%s is %s, want the highlight %s", selector, got, highlight)
		}
	}
	if got := browsertest.Eval[string](tab, style(bellInbox, "[aria-selected=true]", "borderBlockEndColor")); got != highlight {
		t.Errorf("the tab that is shown has a line of %s, want the highlight %s", got, highlight)
	}
	screenshot(t, tab, "bell-forced-colours.png")
}

// TestBellHeap has notifications come into an open inbox that is full: the page
// holds no more after a thousand of them than before. One alone would leave
// 200 bytes as an item, and several times that as a row, in every thousand of
// them; what the browser compiles meanwhile it keeps once.
func TestBellHeap(t *testing.T) {
	a, address := bellServer(t, &host{}, `lang="en"`)
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, `document.querySelector('belfry-bell').client?.state.status`, "live")
	browsertest.Eval[any](tab, openBell)
	n := 0
	send := func(more int) float64 {
		for range more / 50 { // what comes at once is told at once, and of more than the cap the newest alone
			for range 50 {
				n++
				sendNote(a, "user-7", fmt.Sprintf(`{"title":"Event %d","body":"Something happened","category":"c%d","actor":{"name":"Sara Lind"}}`, n, n%5))
			}
			browsertest.Eventually(tab, bellInbox+`.querySelector('.ti')?.textContent ?? ''`, fmt.Sprintf("Event %d", n))
		}
		return tab.Heap()
	}
	const thousands, tolerated = 4, 100e3
	before := send(500)
	for range thousands {
		after := send(1000)
		t.Logf("%.0f KB, and %.0f KB more after 1,000 notifications", before/1e3, (after-before)/1e3)
		if after-before < tolerated {
			return
		}
		before = after
	}
	t.Errorf("each of %d times the page holds %.0f KB more after 1,000 notifications", thousands, tolerated/1e3)
}
