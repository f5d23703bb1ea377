package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/browsertest"
	"github.com/belfry/belfry/internal/parts"
)

// kinds are all kinds of events that the first page of the demo has a button for.
const kinds = `[...document.querySelectorAll('[data-kind]')].map((b) => b.dataset.kind).join(' ')`

// TestDemoPage has each button of the demo's first page make its event, which both
// people see, and the page tell its way with the times of Kafka's records.
func TestDemoPage(t *testing.T) {
	parts.Need(t, "chromium")
	d := startDemo(t, "--rate", "0")
	tab := browsertest.New(t)
	tab.Resize(1180, 1400)
	tab.Open(d.url + "/")
	browsertest.Eval[any](tab, `window.broken = []; document.addEventListener('securitypolicyviolation', (e) => broken.push(e.effectiveDirective))`)
	browsertest.Eventually(tab, `[...document.querySelectorAll('belfry-inbox')].filter((e) => e.client?.state.status === 'live').length`, 2)
	made := strings.Fields(browsertest.Eval[string](tab, kinds))
	for _, of := range []string{"approval", "board", "calendar", "reservation", "notice", "order"} {
		if !slices.ContainsFunc(made, func(kind string) bool { return strings.HasPrefix(kind, of+".") }) {
			t.Errorf("no button makes an event of %s: %s", of, made)
		}
	}
	for i, kind := range made {
		tab.Click(`[data-kind="` + kind + `"]`)
		for _, side := range []string{"left", "right"} {
			browsertest.Eventually(tab, fmt.Sprintf(`document.querySelector('#%s belfry-bell').client.state.counts.unread`, side), i+1)
		}
	}
	browsertest.Eventually(tab, `[...document.querySelectorAll('#steps .ms')].every((e) => /^[+]?[0-9.]+ ms$/.test(e.textContent))`, true)
	browsertest.Eventually(tab, `document.querySelector('#left .why').textContent`, fmt.Sprintf("Why is my badge %d?", len(made)))
	tab.Click("#comment")
	browsertest.Eventually(tab, `[...document.querySelectorAll('[data-device] ol')].map((e) => e.querySelector('strong')?.textContent).join()`, "Sara Lind commented,Sara Lind commented")
	if got := browsertest.Eval[string](tab, `document.querySelector('#problem').textContent + broken.join()`); got != "" {
		t.Errorf("got %q", got)
	}
	if dir := os.Getenv("BELFRY_TEST_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "demo.png"), tab.Screenshot(), 0o600); err != nil {
			t.Error(err)
		}
	}

	// The links of what it made lead somewhere, and the badge is explained.
	browsertest.Eval[any](tab, `document.querySelector('#left belfry-inbox').shadowRoot.querySelector('li a').click()`)
	browsertest.Eventually(tab, `document.querySelector('h1')?.textContent.startsWith('Here would be ') ? location.pathname : ''`, "/sample")
	tab.Open(d.url + "/ops?user=user-7#lookup")
	browsertest.Eventually(tab, `document.querySelector('#journal-status').textContent.includes('agrees with the journal')`, true)
}

// TestDemoComment has the demo's social network subscribe two devices over Kafka and
// write a comment, of which both tell once, and those who comment nothing.
func TestDemoComment(t *testing.T) {
	t.Parallel()
	d := startDemo(t, "--rate", "0")
	d.post("/demo/comments", `{"by":"sara"}`, http.StatusAccepted)
	shown := func(device string) string {
		var got struct{ Shown []struct{ Title string } }
		d.get("/demo/devices/"+device, &got)
		return fmt.Sprint(got.Shown)
	}
	for _, device := range []string{"phone", "laptop"} {
		await.Eventually(t, await.Patience, func() string { return device + " shows " + shown(device) }, func() bool { return shown(device) == "[{Sara Lind commented}]" })
	}
	d.awaitUnread("noor", 2) // the comment and a greeting
	d.awaitUnread("sara", 0)
	d.post("/demo/comments", `{"by":"nobody"}`, http.StatusBadRequest)
	d.post("/demo/comments", `[]`, http.StatusBadRequest)
	for _, link := range []string{"/posts/77", "/welcome"} {
		if response, err := http.Get(d.url + link); err != nil || response.StatusCode != http.StatusOK || response.Request.URL.Path != "/sample" {
			t.Errorf("%s leads nowhere: %v", link, err)
		} else {
			response.Body.Close()
		}
	}
}

// TestDemoEventsRefuse has what is no event of the demo, or comes from elsewhere,
// named and refused.
func TestDemoEventsRefuse(t *testing.T) {
	t.Parallel()
	d := startDemo(t, "--rate", "0")
	d.post("/demo/events", `{"kind":"order.shipped","recipients":["user-7","jiho"]}`, http.StatusAccepted)
	d.post("/demo/events", `{"kind":"none","recipients":["user-7"]}`, http.StatusBadRequest)
	d.post("/demo/events", `{"kind":"order.shipped","recipients":["nobody"]}`, http.StatusBadRequest)
	d.post("/demo/events", `{`, http.StatusBadRequest)
	d.awaitUnread("user-7", 1)
	for host, want := range map[string]int{"attacker.example": http.StatusMisdirectedRequest, "localhost:1": http.StatusUnsupportedMediaType} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/demo/events", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: got %s, want %d", host, answer.Status, want)
		}
	}
}

// BenchmarkAcknowledgedToPainted sends 50 events a second to one person whose inbox is
// open in Chromium, and tells how long after the answer to its sender each one was
// painted: docs/bench/bell.txt.
func BenchmarkAcknowledgedToPainted(b *testing.B) {
	parts.Need(b, "chromium")
	d := startDemo(b, "--rate", "0")
	tab := browsertest.New(b)
	tab.Open(d.url + "/")
	browsertest.Eventually(tab, `document.querySelector('#left belfry-inbox').client?.state.status`, "live")
	var heap, later float64
	for b.Loop() {
		heap = tab.Heap() / 1e6
		got := browsertest.Eval[string](tab, `(async () => {
			const list = document.querySelector('#left belfry-inbox').client.list();
			const run = Math.random().toString(36).slice(2), total = 1000, painted = new Map(), waits = [];
			list.subscribe(() => {
				const fresh = list.items.filter((i) => i.id?.startsWith(run) && !painted.has(i.id));
				for (const i of fresh) painted.set(i.id, undefined);
				if (fresh.length) requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = () => fresh.forEach((i) => painted.set(i.id, performance.now())); c.port2.postMessage(0); });
			});
			const acked = new Map();
			const start = performance.now();
			const sent = [];
			for (let n = 0; n < total; n++) {
				const wait = start + n * 20 - performance.now();
				if (wait > 0) await new Promise((done) => setTimeout(done, wait));
				const id = run + n;
				sent.push(fetch('/v1/notifications', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ recipient: 'user-7', title: 'Event ' + n, id, category: 'bench' }) })
					.then((r) => { if (r.status !== 202) throw new Error(r.status); acked.set(id, performance.now()); }));
			}
			await Promise.all(sent);
			while ([...painted.values()].filter(Boolean).length < total && performance.now() < start + 60000) await new Promise((done) => setTimeout(done, 20));
			list.close();
			const late = [...acked].filter(([id]) => painted.get(id)).map(([id, at]) => Math.max(0, painted.get(id) - at)).sort((x, y) => x - y);
			return [late.length, late[late.length >> 1], late[Math.floor(late.length * .99)], late.at(-1)].join(' ');
		})()`)
		later = tab.Heap() / 1e6
		var n int
		var p50, p99, most float64
		if _, err := fmt.Sscan(got, &n, &p50, &p99, &most); err != nil {
			b.Fatalf("%q: %v", got, err)
		}
		b.ReportMetric(float64(n), "painted")
		b.ReportMetric(p50, "p50-ms")
		b.ReportMetric(p99, "p99-ms")
		b.ReportMetric(most, "max-ms")
	}
	b.ReportMetric(heap, "heap-before-MB")
	b.ReportMetric(later, "heap-after-MB")
}
