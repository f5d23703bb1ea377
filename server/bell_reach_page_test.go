package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/browsertest"
	"github.com/belfry/belfry/links"
)

// pushService stands in for the one of the browser, which tests do not reach: all but
// where a subscription comes from is Chromium's own.
const pushService = `
	window.subscriptions = 0;
	PushManager.prototype.getSubscription = async function () { return window.subscription ?? null; };
	PushManager.prototype.subscribe = async function ({ userVisibleOnly, applicationServerKey }) {
		const endpoint = 'https://fcm.googleapis.com/fcm/send/' + ++window.subscriptions;
		const keys = ` + "`KEYS`" + `;
		return (window.subscription = {
			endpoint, options: { userVisibleOnly, applicationServerKey: applicationServerKey.buffer },
			toJSON: () => ({ endpoint, expirationTime: null, keys: JSON.parse(keys) }),
			unsubscribe: async () => { window.subscription = undefined; return true; },
		});
	};`

// TestBellSettings has a user switch a device on, which asks for the permission then and
// not before, be shown a push, read it elsewhere, set quiet hours, categories and a
// language, and switch the device off.
func TestBellSettings(t *testing.T) {
	var body struct {
		Keys json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal([]byte(subscribed(t, "https://fcm.googleapis.com/x")), &body); err != nil {
		t.Fatal(err)
	}
	h := &host{
		// The policy of the page has to let the worker be registered.
		policies: strings.Replace(strictPolicy, "'none'", "belfry", 1),
		script:   strings.Replace(pushService, "KEYS", string(body.Keys), 1),
		edit:     func(c *Config) { withReach(t)(c) },
	}
	a, address := bellServer(t, h, `lang="en"`)
	sendNote(a, "user-7", `{"title":"first","category":"board"}`)
	sendNote(a, "user-7", `{"title":"second","category":"approval"}`)
	tab := browsertest.New(t)
	tab.Open(address + "/host")
	browsertest.Eventually(tab, bellName, "Notifications, 2 new")
	asked := `window.asked ?? 0`
	browsertest.Eval[any](tab, `(() => { const ask = Notification.requestPermission.bind(Notification); Notification.requestPermission = () => { window.asked = (window.asked ?? 0) + 1; return ask(); }; })()`)
	browsertest.Eval[any](tab, openBell)
	const (
		settings = bellInbox + `.querySelector('#settings')`
		device   = settings + `.querySelector('#device')`
	)
	prefs := func() string {
		row, _ := a.fake.Row("user-7")
		if row.Reach == nil {
			return ""
		}
		return string(row.Reach.Prefs)
	}
	set := func(want string) {
		t.Helper()
		await.Eventually(t, await.Patience, func() string { return fmt.Sprintf("preferences are %s, want %s", prefs(), want) }, func() bool { return prefs() == want })
	}
	browsertest.Eventually(tab, bellInbox+`.querySelector('[title=Settings]')?.checkVisibility() ?? false`, true)
	browsertest.Eval[any](tab, bellInbox+`.querySelector('[title=Settings]').click()`)
	browsertest.Eventually(tab, bellInbox+`.querySelector('#settings #device')?.checked ?? true`, false)
	screenshot(t, tab, "bell-settings.png")
	if got := browsertest.Eval[int](tab, asked); got != 0 {
		t.Errorf("the permission was asked for %d times before a click", got)
	}

	// By a click.
	tab.Grant("notifications")
	browsertest.Eval[any](tab, device+`.click()`)
	browsertest.Eventually(tab, `window.subscriptions`, 1)
	await.Eventually(t, await.Patience, func() string { return "the server has no endpoint" }, func() bool {
		row, _ := a.fake.Row("user-7")
		return len(row.Endpoints(inbox.EndpointWebPush)) == 1
	})
	browsertest.Eventually(tab, device+`.checked`, true)
	row, _ := a.fake.Row("user-7")
	if got := browsertest.Eval[int](tab, asked); got != 1 || len(row.Endpoints(inbox.EndpointWebPush)) != 1 {
		t.Errorf("asked %d times, and the server has %+v", got, row.Reach)
	}

	// Shown by the worker, with the number of the message; read by a link, elsewhere.
	scope := address + "/belfry-push/757365722d37/"
	seq := row.Items[0].Seq
	link := testLinks(t).URL(links.Link{Action: links.Read, User: "user-7", Seq: seq, Until: time.Now().Add(time.Hour)})
	// Chromium drops a notification that it is asked for while it shows it: it is asked now
	// and then.
	shown := `new Promise((resolve) => setTimeout(resolve, 700)).then(() => navigator.serviceWorker.getRegistrations()).then((all) => all[0].getNotifications()).then((all) => all.map((n) => n.title + ' ' + n.body + ' ' + n.data.seqs).join())`
	tab.Push(scope, fmt.Sprintf(`{"web_push":8030,"app_badge":2,"notification":{"title":"first","body":"pushed","navigate":"/host","tag":"x","data":{"seqs":[%d],"read":%q}}}`, seq, link))
	browsertest.Eventually(tab, shown, fmt.Sprintf("first pushed %d", seq))
	tab.Push(scope, fmt.Sprintf(`{"web_push":8030,"app_badge":2,"notification":{"title":"first","body":"again","navigate":"/host","tag":"x","data":{"seqs":[%d]}}}`, seq))
	browsertest.Eventually(tab, shown, fmt.Sprintf("first again %d", seq))
	a.call("POST", link, "").Want(204)
	browsertest.Eventually(tab, shown, "")

	// Quiet hours, in the zone of the browser; categories; the language.
	button := func(text string) string {
		return `[...` + settings + `.querySelectorAll('button')].find((b) => b.textContent === '` + text + `').click()`
	}
	zone := browsertest.Eval[string](tab, `Intl.DateTimeFormat().resolvedOptions().timeZone`)
	browsertest.Eval[any](tab, button("Add quiet hours"))
	set(`{"quiet":[{"days":["mon","tue","wed","thu","fri","sat","sun"],"from":"22:00","to":"07:00"}],"zone":"` + zone + `"}`)
	browsertest.Eval[any](tab, settings+`.querySelector('[value=sun]').click()`)
	set(`{"quiet":[{"days":["mon","tue","wed","thu","fri","sat"],"from":"22:00","to":"07:00"}],"zone":"` + zone + `"}`)
	browsertest.Eval[any](tab, `(() => { const e = `+settings+`.querySelector('[name=from]'); e.value = '07:00'; e.dispatchEvent(new Event('change')); })()`)
	browsertest.Eventually(tab, settings+`.querySelector('[role=alert]').textContent`, "Choose at least one day, and two different times.")
	browsertest.Eval[any](tab, settings+`.querySelector('[aria-label="Delete these quiet hours"]').click()`)
	set(`{"zone":"` + zone + `"}`)
	browsertest.Eval[any](tab, settings+`.querySelector('[data-pref=urgent]').click()`)
	set(`{"urgent_passes":true,"zone":"` + zone + `"}`)
	browsertest.Eval[any](tab, settings+`.querySelector('[data-category=board]').click()`)
	set(`{"channels":{"browser":{"categories":{"board":false}}},"urgent_passes":true,"zone":"` + zone + `"}`)
	browsertest.Eval[any](tab, `(() => { const e = `+settings+`.querySelector('[name=language]'); e.value = 'ko'; e.dispatchEvent(new Event('change')); })()`)
	await.Eventually(t, await.Patience, func() string { return "no language in " + prefs() }, func() bool { return strings.Contains(prefs(), `"language":"ko"`) })
	// A change that the server refuses is put back.
	a.fake.AppendErr = fmt.Errorf("no broker")
	browsertest.Eval[any](tab, settings+`.querySelector('[data-channel=mail]').click()`)
	browsertest.Eventually(tab, settings+`.querySelector('[data-channel=mail]').checked`, true)
	browsertest.Eventually(tab, bellInbox+`.querySelector('#toast').hidden`, false)
	a.fake.AppendErr = nil

	// Off, here and at the server; Escape leads back to the list, and the panel stays.
	browsertest.Eval[any](tab, device+`.focus()`)
	tab.Press(" ")
	browsertest.Eventually(tab, device+`.checked`, false)
	await.Eventually(t, await.Patience, func() string { return "the server has the endpoint still" }, func() bool {
		row, _ := a.fake.Row("user-7")
		return len(row.Endpoints(inbox.EndpointWebPush)) == 0
	})
	tab.Press("\x1b")
	browsertest.Eventually(tab, settings+` === null`, true)
	browsertest.Eventually(tab, pageBell+`.querySelector('#p').matches(':popover-open')`, true)
	browsertest.Eventually(tab, bellInbox+`.activeElement?.title ?? ''`, "Settings")
	if got := browsertest.Eval[string](tab, `broken.join()`); got != "" {
		t.Errorf("the policy is broken: %s", got)
	}

	// The page of a link to leave, which has no script: its own style, and forms that act.
	leave := testLinks(t).URL(links.Link{Action: links.Unsubscribe, User: "lee", Channel: "mail", Until: time.Now().Add(time.Hour)})
	tab.Open(address + leave)
	browsertest.Eventually(tab, `getComputedStyle(document.querySelector('main')).maxWidth`, "480px")
	tab.Click(`button[aria-label="board: Unsubscribe"]`)
	browsertest.Eventually(tab, `document.querySelector('button[aria-label="board: Get them again"]') !== null`, true)
	screenshot(t, tab, "leave.png")
	tab.Click("main > form button")
	browsertest.Eventually(tab, `document.querySelector('h1').textContent`, "You get no more of these messages.")
	if row, _ := a.fake.Row("lee"); row.Reach == nil || string(row.Reach.Prefs) != `{"channels":{"mail":{"categories":{"board":false},"on":false}}}` {
		t.Errorf("after two forms: %+v", row.Reach)
	}
}
