package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/browsertest"
	"github.com/belfry/belfry/internal/opstest"
	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/ops"
)

// withOps gives a server a fake installation.
func withOps(f *opstest.Fake) func(*Config) {
	return func(c *Config) {
		f.Tables, _ = c.Rows.(*servertest.Tables)
		c.Operations = f.Config()
	}
}

// opsPage serves the ops page on a fake installation and opens it.
func opsPage(t *testing.T, edit ...func(*Config)) (*api, *opstest.Fake, *browsertest.Tab) {
	t.Helper()
	f := opstest.New()
	quick := func(c *Config) { c.Operations.Every = 100 * time.Millisecond }
	a, address := pageServer(t, append([]func(*Config){withOps(f), quick}, edit...)...)
	tab := browsertest.New(t)
	tab.Resize(1200, 900)
	tab.Open(address + "/ops")
	return a, f, tab
}

func text(selector string) string {
	return fmt.Sprintf(`document.querySelector(%q).textContent.replace(/\s+/g, ' ').trim()`, selector)
}

// row is the text of the row of a table that has this key.
func row(table, key string) string {
	return fmt.Sprintf(`[...document.querySelector(%q).tBodies[0].rows].find((r) => r.dataset.key === %q)?.innerText.replace(/\s+/g, ' ') ?? ''`, table, key)
}

func has(expression, part string) string { return fmt.Sprintf(`(%s).includes(%q)`, expression, part) }

func screenshot(t *testing.T, tab *browsertest.Tab, name string) {
	t.Helper()
	if dir := os.Getenv("BELFRY_TEST_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), tab.Screenshot(), 0o600); err != nil {
			t.Error(err)
		}
	}
}

func TestOpsPageIsLive(t *testing.T) {
	_, f, tab := opsPage(t)
	browsertest.Eventually(tab, text("#status"), "Live")
	for _, want := range []string{"recovering 37%", "42 s left", "43"} {
		browsertest.Eventually(tab, has(row("#groups-table", "belfry-unread"), want), true)
	}
	browsertest.Eventually(tab, has(row("#groups-table", "billing"), "stopped"), true)
	browsertest.Eventually(tab, `document.querySelector('#groups-table tbody tr').dataset.key`, "billing")
	browsertest.Eventually(tab, has(row("#views-table", "belfry-unread-table"), "running"), true)
	browsertest.Eventually(tab, has(text("#rebalances-table"), "1.5 s"), true)
	browsertest.Eventually(tab, `document.querySelectorAll('#graph g').length`, 7)
	browsertest.Eventually(tab, has(text("#flows-table"), "belfry-unreadgrouprecoveringbelfry.journalbelfry-unread-table, belfry-inbox-table"), true)
	browsertest.Eventually(tab, has(text("#figures"), "3 min 20 s"), true)

	// A change shows in the same document, is announced, and keeps the focus.
	browsertest.Eval[any](tab, `window.sameDocument = true;
		document.querySelector('#groups-table tr[data-key="belfry-unread"] button').focus()`)
	f.Set(func() {
		f.Working[0] = ops.Worker{Kind: "processor", Name: "belfry-unread", Phase: "failed", Since: opstest.At, Error: "no broker answers"}
	})
	browsertest.Eventually(tab, has(row("#groups-table", "belfry-unread"), "failed"), true)
	browsertest.Eventually(tab, has(row("#groups-table", "belfry-unread"), "no broker answers"), true)
	browsertest.Eventually(tab, text("#news"), "belfry-unread: failed")
	browsertest.Eventually(tab, `document.activeElement.textContent`, "belfry-unread")
	browsertest.Eventually(tab, `document.querySelector('#groups-table tr[data-key="belfry-unread"] .spark polyline').getAttribute('points').split(' ').length > 3`, true)
	browsertest.Eventually(tab, has(`document.querySelector('#groups-table tr[data-key="belfry-unread"] .spark').getAttribute('aria-label')`, "now 43, lowest 43, highest 43"), true)

	// By keyboard: into a group and back.
	tab.Press("\r")
	browsertest.Eventually(tab, `document.activeElement.id`, "group-name")
	browsertest.Eventually(tab, has(row("#partitions-table", "belfry.journal/1"), "none 40 40 3 min 20 s"), true)
	tab.Press("\t")
	tab.Press("\r")
	browsertest.Eventually(tab, `document.activeElement.textContent`, "belfry-unread")

	tab.Click("#pause")
	browsertest.Eventually(tab, text("#status"), "Paused")
	f.Set(func() {
		f.Working[0].Phase, f.Working[0].Lacks = "running", []string{"belfry.journal/1: its rows count from different bases"}
	})
	tab.Click("#pause")
	browsertest.Eventually(tab, has(row("#groups-table", "belfry-unread"), "running"), true)
	browsertest.Eventually(tab, has(row("#groups-table", "belfry-unread"), "belfry.journal/1: its rows count from different bases"), true)
	if !browsertest.Eval[bool](tab, `window.sameDocument === true`) {
		t.Error("the page was loaded again")
	}
	screenshot(t, tab, "ops.png")
}

// TestOpsPageTellsThatKafkaIsAway: nothing that Kafka said before is shown as
// how things are.
func TestOpsPageTellsThatKafkaIsAway(t *testing.T) {
	_, f, tab := opsPage(t)
	browsertest.Eventually(tab, text("#status"), "Live")
	browsertest.Eventually(tab, `document.querySelector('#away').hidden`, true)
	browsertest.Eventually(tab, has(text("#pending"), "4 pending, as counted in the topic"), true)
	f.Set(func() {
		f.Collected = f.Collected.Failed(errors.New("connection refused"))
		f.Working[0].Phase = "running"
		f.Counted.Error = "connection refused"
	})
	browsertest.Eventually(tab, text("#status"), "Kafka is away")
	browsertest.Eventually(tab, has(text("#away"), "Kafka is away: connection refused. What it tells is as of "), true)
	for _, group := range []string{"billing", "belfry-unread", "belfry-router-orders"} {
		browsertest.Eventually(tab, has(row("#groups-table", group), "unknown as of "), true)
	}
	browsertest.Eventually(tab, has(text("#graph"), "running"), false)
	browsertest.Eventually(tab, has(text("#collected"), "is ready"), false)
	browsertest.Eventually(tab, has(text("#figures"), "43 as of "), true)
	browsertest.Eventually(tab, has(text("#pending"), "connection refused"), true)
	screenshot(t, tab, "ops-away.png")
	f.Set(func() { f.Collected = lag.NewReport(time.Now(), f.Collected.Groups) })
	browsertest.Eventually(tab, text("#status"), "Live")
	browsertest.Eventually(tab, `document.querySelector('#away').hidden`, true)
	browsertest.Eventually(tab, has(row("#groups-table", "belfry-unread"), "running"), true)
}

// TestOpsPageOfAServerAlone: what a process has none of is not shown as 0.
func TestOpsPageOfAServerAlone(t *testing.T) {
	_, f, tab := opsPage(t)
	f.Set(func() { f.Working = f.Working[2:] })
	browsertest.Eventually(tab, text("#status"), "Live")
	browsertest.Eventually(tab, `document.querySelector('#rebalances-here').hidden`, true)
	browsertest.Eventually(tab, has(text("#rebalances-none"), "No processor runs in this process"), true)
	browsertest.Eventually(tab, has(text("#figures"), "Pending dead letters4"), true)
	browsertest.Eventually(tab, has(text("#figures"), "Records processed a second–"), true)
	// The next collection says how many records were processed meanwhile.
	f.Set(func() {
		f.Collected = lag.NewReport(f.Collected.CollectedAt.Add(5*time.Second), slices.Clone(f.Collected.Groups))
		done := int64(80)
		for i, g := range f.Collected.Groups {
			if g.Name == "belfry-unread" {
				f.Collected.Groups[i].Partitions = slices.Clone(g.Partitions)
				f.Collected.Groups[i].Partitions[0].CurrentOffset = &done
			}
		}
	})
	browsertest.Eventually(tab, has(text("#figures"), "Records processed a second8"), true)
}

// TestOpsPageEdgesRunBehindNoNode draws what every installation has, with three
// sources: no edge passes behind a node that it does not begin or end at.
func TestOpsPageEdgesRunBehindNoNode(t *testing.T) {
	_, f, tab := opsPage(t)
	f.Set(func() {
		f.Flowing = nil
		for _, source := range []string{"orders", "billing", "approvals", "payments", "people", "tickets"} {
			f.Flowing = append(f.Flowing, ops.Flow{Name: "belfry-router-" + source, Kind: "group", Inputs: []string{source}, Outputs: []string{"belfry.journal"}})
		}
		f.Flowing = append(f.Flowing,
			ops.Flow{Name: "HTTP API", Kind: "server", Outputs: []string{"belfry.journal"}},
			ops.Flow{Name: "belfry-unread", Kind: "group", Inputs: []string{"belfry.journal"}, Tables: []string{"belfry-unread-table", "belfry-inbox-table"}},
			ops.Flow{Name: "views of servers", Kind: "server", Inputs: []string{"belfry-unread-table", "belfry-inbox-table"}})
	})
	const hits = `(() => {
		const boxes = [...document.querySelectorAll('#graph g')].map((g) => ({ name: g.querySelector('title').textContent, at: g.querySelector('rect').getBBox() }));
		const paths = [...document.querySelectorAll('#graph path.edge')];
		if (paths.length !== 18 || boxes.length !== 18) return paths.length + ' edges, ' + boxes.length + ' nodes';
		for (const path of paths) for (let i = 0, n = path.getTotalLength(); i <= n; i += 2) {
			const p = path.getPointAtLength(i);
			const hit = boxes.find(({ name, at }) => name !== path.dataset.from && name !== path.dataset.to && p.x > at.x && p.x < at.x + at.width && p.y > at.y && p.y < at.y + at.height);
			if (hit) return path.dataset.from + ' to ' + path.dataset.to + ' runs behind ' + hit.name;
		}
		return 'none';
	})()`
	browsertest.Eventually(tab, hits, "none")
	browsertest.Eval[any](tab, `document.querySelector('#topology').scrollIntoView()`)
	screenshot(t, tab, "ops-topology.png")
}

func TestOpsPageShowsTopics(t *testing.T) {
	_, f, tab := opsPage(t)
	browsertest.Eventually(tab, text("#status"), "Live")
	tab.Click("#topics-read")
	browsertest.Eventually(tab, has(text("#topics-status"), "2 topics as of"), true)
	browsertest.Eventually(tab, has(text("#topics-status"), "Missing: orders."), true)
	browsertest.Eventually(tab, has(row("#topics-table", "belfry.journal"), "3, 1 partitions not in sync delete after 7 d 4 KiB 83 belfry-unread (lag 43)"), true)
	browsertest.Eval[any](tab, `document.querySelector('#topics-table tr[data-key="belfry.journal"] button').click()`)
	browsertest.Eventually(tab, `document.activeElement.id`, "topic-name")
	browsertest.Eventually(tab, has(row("#ends-table", "1"), "2 of 3 0 40 2 records"), true)
	tab.Click("#records-read")
	browsertest.Eventually(tab, has(text("#records-status"), ops.ErrNoTopic.Error()), true)
	browsertest.Eval[any](tab, `document.querySelector('#topics-table tr[data-key="orders"] button').click()`)
	tab.Click("#records-read")
	browsertest.Eventually(tab, has(text("#records"), "Rule order-receivedfor user-7"), true)
	browsertest.Eventually(tab, has(text("#records"), "Rule order-latenothing: when is false"), true)
	browsertest.Eventually(tab, has(text("#records"), "<b>x</b>"), true)
	browsertest.Eventually(tab, `document.querySelectorAll('#records b').length`, 0)
	browsertest.Eval[any](tab, `document.querySelector('#topics').scrollIntoView()`)
	screenshot(t, tab, "ops-topics.png")
	f.Set(func() { f.TopicsErr = errors.New("no broker answers") })
	tab.Click("#topics-read")
	browsertest.Eventually(tab, has(text("#topics-status"), "The table is that of before."), true)
}

// Live notices are listed as the page opens, and their texts once those are asked for.
func TestOpsPageListsNotices(t *testing.T) {
	a, _, tab := opsPage(t, func(c *Config) {
		f := c.Rows.(*servertest.Tables)
		f.OpenBoards(2, 100)
		c.Boards = f
	})
	browsertest.Eventually(tab, has(text("#notices-status"), "0 live, 0 scheduled, as of "), true)
	browsertest.Eventually(tab, text("#notices-table tbody"), "Nothing is announced.")
	announce := func(r inbox.Record) {
		a.Append(belfry.PartitionKey(0), r)
		a.Append(belfry.PartitionKey(1), r)
	}
	announce(servertest.Notice("all", "secret <b>one</b>"))
	later := servertest.Notice("topic:secret", "two")
	later.Notification.DeliverAt = time.Now().Add(time.Hour)
	announce(later)
	a.Append(belfry.PartitionKey(0), servertest.Notice("all", "cut off"))
	tab.Click("#notices-form button")
	browsertest.Eventually(tab, has(text("#notices-status"), "2 live, 1 scheduled, as of "), true)
	browsertest.Eventually(tab, has(row("#notices-table", "0/1"), "everyone now"), true)
	browsertest.Eventually(tab, has(row("#notices-table", "0/1"), "normal 1 2 of 2 hidden hidden"), true)
	browsertest.Eventually(tab, has(row("#notices-table", "0/3"), "a topic from "), true)
	browsertest.Eventually(tab, has(row("#notices-table", "0/5"), "1 of 2"), true)
	browsertest.Eventually(tab, has(`document.body.innerText`, "secret"), false)
	tab.Click("#notices-titles")
	tab.Click("#notices-form button")
	browsertest.Eventually(tab, has(row("#notices-table", "0/1"), "secret <b>one</b>"), true)
	browsertest.Eventually(tab, has(row("#notices-table", "0/3"), "topic:secret from "), true)
	browsertest.Eventually(tab, `document.querySelectorAll('#notices b').length`, 0)
	a.fake.Mu.Lock()
	a.fake.NowErr = errors.New("unable to dial")
	a.fake.Mu.Unlock()
	tab.Click("#notices-form button")
	browsertest.Eventually(tab, has(text("#notices-status"), "The table is that of before."), true)
}

func TestOpsPageAsksForAToken(t *testing.T) {
	_, _, tab := opsPage(t, withJWT(t))
	browsertest.Eventually(tab, text("#problem"), auth.ErrUnauthenticated.Error())
	browsertest.Eventually(tab, `document.querySelector('#login').open`, true)
	browsertest.Eventually(tab, text("#status"), "Not connected")
	enter := func(token string) {
		browsertest.Eval[any](tab, fmt.Sprintf(`document.querySelector('#login').open = true; document.querySelector('#token').value = %q; document.querySelector('#token').focus()`, token))
		tab.Press("\r")
	}
	enter(mint(t, "user-7"))
	browsertest.Eventually(tab, has(text("#problem"), auth.ScopeOps), true)
	enter(mint(t, "an-operator", auth.ScopeOps))
	browsertest.Eventually(tab, text("#status"), "Live")
	browsertest.Eventually(tab, `document.querySelector('#problem').hidden`, true)
	if got := browsertest.Eval[string](tab, `location.search + location.hash + document.cookie + localStorage.length`); got != "0" {
		t.Errorf("got %q in address, cookies and storage, want nothing", got)
	}
}

func TestOpsPageLooksUpAUser(t *testing.T) {
	a, _, tab := opsPage(t)
	const user = "사용자-7"
	sendNote(a, user, `{"title":"secret <b>one</b>","priority":"urgent","category":"approval","id":"i1","source":"s"}`)
	sendNote(a, user, `{"title":"secret two"}`)
	a.Append(user, inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{2}})
	browsertest.Eventually(tab, text("#status"), "Live")
	browsertest.Eval[any](tab, fmt.Sprintf(`document.querySelector('#user').value = %q; document.querySelector('#user').focus()`, user))
	tab.Press("\r")
	browsertest.Eventually(tab, text("#found-name"), user)
	browsertest.Eventually(tab, `document.activeElement.id`, "found-name")
	browsertest.Eventually(tab, has(text("#found-facts"), "Unread1: items 1Unseen1: items 1Urgent1: items 1"), true)
	browsertest.Eventually(tab, has(row("#items-table", "1"), "unread, unseen, urgent"), true)
	browsertest.Eventually(tab, has(row("#items-table", "2"), "read nothing"), true)
	browsertest.Eval[any](tab, `document.querySelector('#journal-form button').focus()`)
	tab.Press("\r")
	browsertest.Eventually(tab, has(text("#journal-status"), "3 records replayed: the row agrees"), true)
	browsertest.Eventually(tab, has(text("#verdict"), "The badge is 1"), true)
	browsertest.Eventually(tab, has(row("#journal-table", "2"), "read – applied read 2 1"), true)
	browsertest.Eventually(tab, has(`document.body.innerText`, "secret"), false)

	tab.Click("#titles")
	tab.Click("#lookup-form button")
	browsertest.Eventually(tab, has(row("#items-table", "1"), "secret <b>one</b>"), true)
	tab.Click("#journal-form button")
	browsertest.Eventually(tab, has(row("#journal-table", "0"), "secret <b>one</b>"), true)
	screenshot(t, tab, "ops-lookup.png")
	browsertest.Eval[any](tab, `document.querySelector('#user').value = 'a/b'; document.querySelector('#lookup-form').requestSubmit()`)
	browsertest.Eventually(tab, has(text("#lookup-status"), "user"), true)
	browsertest.Eventually(tab, `document.querySelector('#found').hidden`, true)
}

// TestOpsPageReplaysALetter also holds that the page keeps its own policy.
func TestOpsPageReplaysALetter(t *testing.T) {
	a, f, tab := opsPage(t)
	browsertest.Eval[any](tab, `window.reports = [];
		new ReportingObserver((list) => reports.push(...list.map((r) => r.body.effectiveDirective)), { types: ['csp-violation'], buffered: true }).observe()`)
	browsertest.Eventually(tab, text("#status"), "Live")
	tab.Click("#letters-form button")
	browsertest.Eventually(tab, text("#letters-status"), "2 letters")
	browsertest.Eventually(tab, has(row("#letters-table", "1/12"), "pending, cut: cannot be replayed"), true)
	browsertest.Eventually(tab, `document.querySelector('tr[data-key="1/12"] .replay').disabled`, true)

	tab.Click(`tr[data-key="0/11"] .look`)
	browsertest.Eventually(tab, text("#letter-name"), "Dead letter 0/11")
	browsertest.Eventually(tab, has(text("#letter-facts"), "orders, partition 1, offset 7"), true)
	browsertest.Eventually(tab, has(`document.body.innerText`, "hidden-value"), false)
	tab.Click("#letter-contents")
	browsertest.Eventually(tab, has(text("#letter-value"), "hidden-value"), true)

	replay := `tr[data-key="0/11"] .replay`
	browsertest.Eval[any](tab, fmt.Sprintf(`document.querySelector(%q).focus()`, replay))
	tab.Press("\r")
	browsertest.Eventually(tab, `document.querySelector('#confirm').open && document.activeElement.value`, "no")
	tab.Press("\r") // the safe answer has the focus
	browsertest.Eventually(tab, `document.querySelector('#confirm').open`, false)
	browsertest.Eventually(tab, `document.activeElement.className`, "replay")
	f.Set(func() {
		if len(f.Replayed) != 0 {
			t.Errorf("replayed %v without a yes", f.Replayed)
		}
	})
	tab.Press("\r")
	browsertest.Eventually(tab, `document.querySelector('#confirm').open`, true)
	tab.Click("#confirm-yes")
	browsertest.Eventually(tab, text("#letters-status"), "0/11: replayed")
	browsertest.Eventually(tab, has(row("#letters-table", "0/11"), "replayed"), true)
	browsertest.Eventually(tab, `document.activeElement.className`, "look")
	f.Set(func() {
		if len(f.Replayed) != 1 || f.Replayed[0] != (deadletter.ID{Partition: 0, Offset: 11}) {
			t.Errorf("replayed %v, want the one", f.Replayed)
		}
	})
	if got := browsertest.Eval[string](tab, `reports.join()`); got != "" {
		t.Errorf("the page breaks its own policy: %s", got)
	}
	if policy := a.get("/ops").Want(200).Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("got policy %q", policy)
	}
}

// TestOpsPageIsAccessible holds the page, with all of its parts open, to rules
// that a program can check: names, labels, table headers, ids, headings in
// order, and contrast in light and dark (WCAG 2.2 1.3.1, 1.4.3, 2.4.6, 4.1.2).
func TestOpsPageIsAccessible(t *testing.T) {
	a, _, tab := opsPage(t)
	a.notify("user-7", "hello")
	browsertest.Eventually(tab, text("#status"), "Live")
	browsertest.Eval[any](tab, `document.querySelectorAll('details').forEach((d) => { d.open = true; });
		document.querySelector('#user').value = 'user-7';
		document.querySelector('#lookup-form').requestSubmit();
		document.querySelector('#letters-form').requestSubmit();
		document.querySelector('tr[data-key="billing"] button').click()`)
	browsertest.Eventually(tab, text("#found-name"), "user-7")
	tab.Click("#journal-form button")
	browsertest.Eventually(tab, has(text("#journal-status"), "replayed"), true)
	browsertest.Eventually(tab, text("#letters-status"), "2 letters")
	tab.Click(`tr[data-key="0/11"] .look`)
	colours := map[string]string{}
	for _, scheme := range []string{"light", "dark"} {
		tab.Prefer("prefers-color-scheme", scheme)
		browsertest.Eventually(tab, fmt.Sprintf(`matchMedia('(prefers-color-scheme: %s)').matches`, scheme), true)
		if got := browsertest.Eval[string](tab, accessibility); got != "" {
			t.Errorf("%s:\n%s", scheme, got)
		}
		colours[scheme] = browsertest.Eval[string](tab, `getComputedStyle(document.body).backgroundColor + getComputedStyle(document.body).color`)
		screenshot(t, tab, "ops-"+scheme+".png")
	}
	if colours["light"] == colours["dark"] {
		t.Errorf("dark is as light: %s", colours["light"])
	}
	// The first stop of the keyboard skips what is the same on each visit.
	browsertest.Eval[any](tab, `document.activeElement.blur(); window.scrollTo(0, 0)`)
	if got := browsertest.Eval[string](tab, `[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')].filter((e) => e.checkVisibility())[0].className`); got != "skip" {
		t.Errorf("got %q as first stop, want the link that skips", got)
	}
	// On a phone nothing but tables and the graph scrolls sideways.
	tab.Resize(360, 740)
	browsertest.Eventually(tab, `[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > 361 && !e.closest('.wide, #graph')).map((e) => e.tagName + '#' + e.id + '.' + e.className).slice(0, 12).join()`, "")
}

// accessibility returns what breaks a rule, a line each.
var accessibility = `(() => {
	const bad = [];
	const name = (e) => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + (e.className && e.className.baseVal === undefined ? '.' + e.className : '');
	const visible = (e) => e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
	const named = (e) => (e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') || '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join('') ||
		(e.labels && [...e.labels].map((l) => l.textContent).join('')) || (e.tagName !== 'INPUT' && e.tagName !== 'SELECT' ? e.textContent : '')).trim();
	for (const e of document.querySelectorAll('button, a[href], input, select, summary, section, nav, dialog, [role=region], [role=img], progress, pre[tabindex]')) {
		if (!named(e)) bad.push(name(e) + ' has no name');
	}
	for (const b of document.querySelectorAll('button')) {
		const label = b.getAttribute('aria-label');
		if (label && !label.includes(b.textContent.trim())) bad.push(name(b) + ' is called ' + label + ' but shows ' + b.textContent);
	}
	const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
	for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) bad.push('id ' + id + ' twice');
	for (const t of document.querySelectorAll('table')) {
		if (!t.caption?.textContent) bad.push(name(t) + ' has no caption');
		for (const h of t.querySelectorAll('th')) if (!h.scope || !h.textContent.trim()) bad.push(name(t) + ' has a header without scope or text');
		const columns = t.tHead.rows[0].cells.length;
		for (const r of t.tBodies[0].rows) if ([...r.cells].reduce((n, c) => n + c.colSpan, 0) !== columns) bad.push(name(t) + ' has a row of other width');
	}
	let level = 0;
	for (const h of document.querySelectorAll('h1, h2, h3, h4')) {
		const now = Number(h.tagName[1]);
		if (now > level + 1) bad.push(name(h) + ' skips a level');
		level = now;
	}
	if (document.querySelectorAll('h1').length !== 1 || document.querySelectorAll('main').length !== 1 || !document.documentElement.lang || !document.title) bad.push('one h1, one main, a language and a title are needed');
	for (const e of document.querySelectorAll('[tabindex]')) if (e.tabIndex > 0) bad.push(name(e) + ' has an order of its own');
	for (const s of document.querySelectorAll('.state')) if (!s.querySelector('.label').textContent.trim()) bad.push('a state without a word');
	const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return { rgb: m.slice(0, 3), a: m[3] ?? 1 }; };
	const light = (rgb) => rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
	const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb; } return [255, 255, 255]; };
	const low = new Set();
	const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
	for (const e of document.querySelectorAll('body *')) {
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
		if (!own || !visible(e) || e.disabled || e.closest('noscript, .unseen, option')) continue;
		const svg = e.closest('svg');
		const colour = parse(getComputedStyle(e)[svg ? 'fill' : 'color']).rgb;
		const behind = svg && e.parentElement.querySelector('rect') ? parse(getComputedStyle(e.parentElement.querySelector('rect')).fill).rgb : ground(e);
		const c = contrast(colour, behind);
		if (c < 4.5) low.add(name(e) + ' contrast ' + c.toFixed(2));
	}
	return [...bad, ...low].join('\n');
})()`
