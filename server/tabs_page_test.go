package server

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/browsertest"
	"github.com/belfry/belfry/web"
)

// tabServer serves the API and pages whose frames are tabs: each frame is a client
// of user u, in one browser with one origin over HTTP/1.1.
type tabServer struct {
	*api
	address string
	port    string
	streams atomic.Int64 // open now
	opened  atomic.Int64 // since the beginning

	mu      sync.Mutex
	inPlace func(w http.ResponseWriter, r *http.Request) bool // answers in the server's place
	close   func()                                            // ends all connections
}

// framePage has the client of a frame as window.client, and the timers of a frame
// with the query "fast" run 20 times as fast if they are long.
const framePage = `<!doctype html><script>
	const long = setTimeout;
	if (location.search.includes('fast')) window.setTimeout = (f, ms) => long(f, ms >= 10000 ? ms / 20 : ms);
	if (location.search.includes('plain')) Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined });
	if (location.search.includes('hidden')) Object.defineProperty(Document.prototype, 'hidden', { get: () => true });
</script><script type="module">
	import { Belfry } from '/belfry.js';
	window.statuses = [];
	window.client = new Belfry({ user: 'u' });
	window.list = client.list();
	client.subscribe(() => statuses.at(-1) === client.state.status || statuses.push(client.state.status));
</script>`

func newTabServer(t *testing.T) *tabServer {
	t.Helper()
	s := &tabServer{api: newAPI(t, func(c *Config) { c.Pages = web.Handler() })}
	behind := httptest.NewServer(s.Handler())
	t.Cleanup(behind.Close)
	target, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	// A proxy, as most have one: its connections can be cut.
	proxy := &httputil.ReverseProxy{FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		instead := s.inPlace
		s.mu.Unlock()
		switch {
		case r.URL.Path == "/tabs" || r.URL.Path == "/frame" || r.URL.Path == "/crowd":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, map[string]string{"/frame": framePage, "/crowd": crowdPage}[r.URL.Path])
		case instead != nil && strings.HasPrefix(r.URL.Path, "/v1/") && instead(w, r):
		case strings.HasSuffix(r.URL.Path, "/stream"):
			s.opened.Add(1)
			s.streams.Add(1)
			defer s.streams.Add(-1)
			proxy.ServeHTTP(w, r)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	_ = srv.Listener.Close()
	if srv.Listener, err = net.Listen("tcp4", ":0"); err != nil { // each loopback address is an origin
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(srv.Close)
	_, s.port, err = net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.address, s.close = "http://127.0.0.1:"+s.port, srv.CloseClientConnections
	return s
}

func (s *tabServer) instead(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inPlace = f
}

// open opens n frames with a query and returns their browser. JavaScript finds what
// they show as shown(): each count, once if all are the same.
func (s *tabServer) open(t *testing.T, n int, query string) *browsertest.Tab {
	t.Helper()
	tab := browsertest.New(t)
	tab.Open(s.address + "/tabs")
	browsertest.Eval[any](tab, fmt.Sprintf(`
		window.tabs = () => Array.from({ length: frames.length }, (_, i) => frames[i]);
		window.each = (of) => [...new Set(tabs().map((w) => { try { return String(of(w)); } catch (e) { return 'none'; } }))].join(' | ');
		window.shown = () => each((w) => w.client.state.counts.unread + ' of ' + w.list.items.length + ' ' + w.client.state.status);
		for (let i = 0; i < %d; i++) {
			const frame = document.createElement('iframe');
			frame.src = '/frame?%s';
			document.body.append(frame);
		}`, n, query))
	return tab
}

// wantOneStream waits until the server has no more than one stream: that of a leader who
// was deposed ends once the browser has told so.
func (s *tabServer) wantOneStream(t *testing.T) {
	t.Helper()
	await.Eventually(t, await.Patience, func() string { return fmt.Sprintf("%d streams, want one", s.streams.Load()) },
		func() bool { return s.streams.Load() == 1 })
}

func TestTabsShareOneStream(t *testing.T) {
	s := newTabServer(t)
	s.notify("u", "one", "two")
	tab := s.open(t, 9, "")
	browsertest.Eventually(tab, `shown()`, "2 of 2 live")
	s.wantOneStream(t)
	s.notify("u", "three")
	browsertest.Eventually(tab, `shown()`, "3 of 3 live")

	// An action of any tab shows in all.
	browsertest.Eval[any](tab, `frames[7].client.read({ seqs: [1] })`)
	browsertest.Eventually(tab, `shown()`, "2 of 3 live")
	browsertest.Eval[any](tab, `frames[3].client.markAll('archive')`)
	browsertest.Eventually(tab, `shown()`, "0 of 0 live")

	// So does a muted category, in those that have asked.
	browsertest.Eval[any](tab, `tabs().forEach((w) => w.client.mutes())`)
	browsertest.Eventually(tab, `each((w) => w.client.state.mutes)`, "")
	browsertest.Eval[any](tab, `frames[5].client.mute({ category: 'board' })`)
	browsertest.Eventually(tab, `each((w) => w.client.state.mutes)`, "board")
	browsertest.Eval[any](tab, `frames[2].client.unmute({ category: 'board' })`)
	browsertest.Eventually(tab, `each((w) => w.client.state.mutes)`, "")

	// The one that leads is closed, then the next: another takes over with its cursor. It
	// does so at once, by the browser's own order of events: no timer of a client runs any
	// more, so that neither a poll nor the watch for a leader that says nothing has a part in it.
	for i := range 2 {
		before := s.opened.Load()
		if closed := browsertest.Eval[bool](tab, `(async () => {
			for (const w of tabs()) w.setTimeout = w.setInterval = () => 0;
			const held = async (start) => (await navigator.locks.query()).held.find(({ name }) => name.startsWith(start)).clientId;
			const leader = await held('belfry ');
			for (const frame of document.querySelectorAll('iframe')) {
				if (await frame.contentWindow.navigator.locks.request('probe', () => held('probe')) !== leader) continue;
				frame.remove();
				return true;
			}
			return false;
		})()`); !closed {
			t.Fatal("no frame has the lock")
		}
		s.notify("u", fmt.Sprint("after ", i))
		browsertest.Eventually(tab, `shown()`, fmt.Sprintf("%d of %d live", i+1, i+1))
		if got := s.opened.Load() - before; got != 1 {
			t.Errorf("got %d streams opened, want 1", got)
		}
	}
}

// TestTabsTakeFromAFrozenLeader has the lock held by one that says nothing.
func TestTabsTakeFromAFrozenLeader(t *testing.T) {
	s := newTabServer(t)
	s.notify("u", "one")
	tab := s.open(t, 0, "")
	name := "belfry " + s.address + "/v1/users/u "
	browsertest.Eval[any](tab, fmt.Sprintf(`
		window.deposed = false;
		navigator.locks.request(%q, () => new Promise(() => {})).catch(() => { window.deposed = true; });
		for (let i = 0; i < 3; i++) {
			const frame = document.createElement('iframe');
			frame.src = '/frame?fast';
			document.body.append(frame);
		}`, name))
	browsertest.Eventually(tab, `shown()`, "1 of 1 connecting")
	browsertest.Eventually(tab, `deposed`, true)
	browsertest.Eventually(tab, `shown()`, "1 of 1 live")
	s.notify("u", "two")
	browsertest.Eventually(tab, `each((w) => w.client.state.counts.unread + ' of ' + w.list.items.length)`, "2 of 2")
	s.wantOneStream(t)
}

// TestTabsWithoutLocks is a page on plain http that is not loopback: the visible tab
// has a stream, the others poll.
func TestTabsWithoutLocks(t *testing.T) {
	s := newTabServer(t)
	s.notify("u", "one")
	tab := s.open(t, 1, "plain")
	browsertest.Eval[any](tab, `
		const frame = document.createElement('iframe');
		frame.src = '/frame?plain&hidden&fast';
		document.body.append(frame)`)
	browsertest.Eventually(tab, `shown()`, "1 of 1 live | 1 of 1 polling")
	s.notify("u", "two")
	browsertest.Eventually(tab, `shown()`, "2 of 2 live | 2 of 2 polling")
	if got := s.opened.Load(); got != 1 {
		t.Errorf("got %d streams, want that of the visible tab", got)
	}
}

// TestTabsRecover has what goes wrong on the way go wrong, and things come in
// meanwhile: the clients come back by themselves and show it.
func TestTabsRecover(t *testing.T) {
	refuse := func(status int) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			return true
		}
	}
	silent := func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/stream") {
			return false
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return true
	}
	tests := map[string]struct {
		instead func(http.ResponseWriter, *http.Request) bool
		between string // what the tabs show meanwhile
	}{
		"server gone":           {refuse(502), "offline polling connecting"},
		"signed out":            {refuse(401), "signed-out"},
		"forbidden":             {refuse(403), "signed-out"},
		"too many":              {refuse(429), "connecting polling"},
		"streams that are mute": {silent, "polling"},
		"streams that are taken": {func(w http.ResponseWriter, r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, "/stream") && refuse(503)(w, r)
		}, "polling"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newTabServer(t)
			s.notify("u", "one")
			tab := s.open(t, 3, "fast")
			browsertest.Eventually(tab, `each((w) => w.client.state.counts.unread + ' ' + w.statuses.includes('live'))`, "1 true")
			s.instead(tt.instead)
			s.close()
			browsertest.Eventually(tab, fmt.Sprintf(`tabs().every((w) => %q.split(' ').includes(w.client.state.status))`, tt.between), true)
			s.notify("u", "two")
			s.instead(nil)
			browsertest.Eval[any](tab, `tabs().forEach((w) => { w.statuses.length = 0; })`)
			browsertest.Eventually(tab, `each((w) => w.client.state.counts.unread + ' of ' + w.list.items.length + ' ' + (w.client.state.status === 'live' || w.statuses.includes('live')))`, "2 of 2 true")
		})
	}
}

func TestTabsOfflineAndBack(t *testing.T) {
	s := newTabServer(t)
	s.notify("u", "one")
	tab := s.open(t, 2, "")
	browsertest.Eventually(tab, `shown()`, "1 of 1 live")
	s.instead(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	browsertest.Eval[any](tab, `tabs().forEach((w) => w.dispatchEvent(new Event('offline')))`)
	browsertest.Eventually(tab, `shown()`, "1 of 1 offline")
	s.notify("u", "two")
	s.instead(nil)
	browsertest.Eval[any](tab, `tabs().forEach((w) => w.dispatchEvent(new Event('online')))`)
	browsertest.Eventually(tab, `shown()`, "2 of 2 live")
}

// TestTabSendsWhatWaitsAsItEnds has a click read and follow while the answer to
// an action before it is on its way.
func TestTabSendsWhatWaitsAsItEnds(t *testing.T) {
	s := newTabServer(t)
	s.notify("u", "one")
	tab := browsertest.New(t)
	tab.Open(s.address + "/frame")
	browsertest.Eventually(tab, `client.state.status`, "live")
	read := make(chan struct{})
	s.instead(func(_ http.ResponseWriter, r *http.Request) bool {
		switch {
		case strings.HasSuffix(r.URL.Path, "/seen"):
			<-read
		case strings.HasSuffix(r.URL.Path, "/read"):
			close(read)
		}
		return false
	})
	browsertest.Eval[any](tab, `
		client.seen({ seqs: [1] }).catch(() => {});
		client.read({ seqs: [1] }).catch(() => {});
		location.href = '/tabs';
		undefined`)
	await.Eventually(t, await.Patience, func() string { return "the click has not read" }, func() bool {
		row, _ := s.fake.Row("u")
		return row.Badge(time.Now()).Unread == 0
	})
}

// TestTabsOfANewEpoch has the log go on in another one, whose versions are lower in
// the case of an installation that was wiped.
func TestTabsOfANewEpoch(t *testing.T) {
	s := newTabServer(t)
	s.notify("u", "one", "two", "three")
	tab := s.open(t, 2, "")
	browsertest.Eventually(tab, `shown()`, "3 of 3 live")
	s.fake.Mu.Lock()
	s.fake.Epoch, s.fake.Offset = 9, 0
	s.fake.Mu.Unlock()
	s.notify("u", "four")
	browsertest.Eventually(tab, `shown()`, "4 of 4 live")

	s.fake.Mu.Lock()
	s.fake.Epoch, s.fake.Offset = 11, 0
	clear(s.fake.States)
	clear(s.fake.Rows)
	clear(s.fake.Items)
	s.fake.Mu.Unlock()
	s.notify("u", "anew")
	s.close()
	browsertest.Eventually(tab, `shown()`, "1 of 1 live")
}
