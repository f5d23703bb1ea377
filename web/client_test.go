package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/belfry/belfry/internal/browsertest"
	"github.com/belfry/belfry/web"
)

// script stands in for the API: it says what a test has it say, in order, and
// remembers what it was asked. Everything else of the server is simulated by
// that; server/page_test.go has the page on the real one.
type script struct {
	mu      sync.Mutex
	lists   []string // answers to list requests; the last one repeats
	streams []string // what each stream sends; the last one repeats
	open    bool     // whether the last stream stays open
	asked   []string
	status  int // of lists, if not 0
}

func (s *script) serve(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/v1/") {
		web.Handler().ServeHTTP(w, r)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	take := func(from *[]string) (text string, last bool) {
		text = (*from)[0]
		if last = len(*from) == 1; !last {
			*from = (*from)[1:]
		}
		return text, last
	}
	if strings.HasSuffix(r.URL.Path, "/stream") {
		s.asked = append(s.asked, "stream "+r.Header.Get("Last-Event-ID")+" "+r.Header.Get("Authorization"))
		text, last := take(&s.streams)
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, text)
		if last && s.open {
			_ = http.NewResponseController(w).Flush()
			s.mu.Unlock()
			<-r.Context().Done()
			s.mu.Lock()
		}
		return
	}
	s.asked = append(s.asked, "list "+r.URL.Query().Get("min_version"))
	if s.status != 0 {
		w.WriteHeader(s.status)
		fmt.Fprint(w, `{"title":"No","detail":"not you"}`)
		return
	}
	text, _ := take(&s.lists)
	if text == unavailable {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprint(w, text)
}

func (s *script) requests() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asked, "; ")
}

const (
	emptyList = `{"user":"a","version":0,"cursor":"0.0","unread":0,"items":[]}`
	startList = `{"user":"a","version":3,"cursor":"7.3","unread":2,"items":[
		{"seq":3,"version":3,"read":false,"seen":false,"priority":"normal","title":"three"},
		{"seq":2,"version":2,"read":false,"seen":false,"priority":"normal","title":"two"}]}`
	unavailable = `{"title":"Service Unavailable","status":503}`
	fast        = "retry: 5\n\n" // ms
)

func stateFrame(version int, read, removed string) string {
	return fmt.Sprintf("event: state\ndata: {\"version\":%d,\"read\":%s,\"unread\":[],\"seen\":[],\"archived\":[],\"removed\":%s}\n\n", version, read, removed)
}

func itemFrame(item string) string { return "event: item\ndata: " + item + "\n\n" }

func badgeFrame(version, unread int) string {
	return fmt.Sprintf("id: 7.%[1]d\nevent: unread\ndata: {\"user\":\"a\",\"version\":%[1]d,\"cursor\":\"7.%[1]d\",\"unread\":%[2]d,\"categories\":{}}\n\n", version, unread)
}

// run starts an Inbox against the script and returns its tab. JavaScript finds
// it as window.inbox, and what it shows as shown().
func run(t *testing.T, s *script, options string) *browsertest.Tab {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(srv.Close)
	tab := browsertest.New(t)
	tab.Open(srv.URL + "/?user=") // with nobody's inbox open beside the client
	browsertest.Eval[any](tab, `import('/belfry.js').then(({ Inbox }) => {
		window.statuses = [];
		window.inbox = new Inbox({ user: 'a', `+options+` });
		inbox.addEventListener('status', () => statuses.push(inbox.status));
		window.shown = () => inbox.items.map((i) => i.seq + (i.pending ? '?' : i.title) + (i.read ? '' : '*')).join(' ') +
			' = ' + inbox.unread?.unread;
		inbox.start();
	})`)
	return tab
}

func TestInboxApplies(t *testing.T) {
	tests := map[string]struct {
		stream string
		want   string
	}{
		"nothing":          {"", "3three* 2two* = 2"},
		"read":             {stateFrame(4, "[2]", "[]") + badgeFrame(4, 1), "3three* 2two = 1"},
		"removed":          {stateFrame(4, "[]", "[3]") + badgeFrame(4, 1), "2two* = 1"},
		"older state":      {stateFrame(1, "[2,3]", "[2,3]") + badgeFrame(4, 2), "3three* 2two* = 2"},
		"older badge":      {badgeFrame(2, 9), "3three* 2two* = 2"},
		"new":              {itemFrame(`{"seq":5,"version":5,"title":"five"}`) + badgeFrame(5, 3), "5five* 3three* 2two* = 3"},
		"replacing":        {itemFrame(`{"seq":5,"version":5,"replaces":2,"title":"five"}`) + badgeFrame(5, 2), "5five* 3three* = 2"},
		"archived":         {itemFrame(`{"seq":3,"version":5,"archived":true}`) + badgeFrame(5, 1), "2two* = 1"},
		"no badge yet":     {itemFrame(`{"seq":5,"version":5,"title":"five"}`), "5five* 3three* 2two* = 2"},
		"gone by the list": {itemFrame(`{"seq":1,"version":2,"title":"one"}`) + badgeFrame(4, 2), "3three* 2two* = 2"},
		"removed stays":    {stateFrame(6, "[]", "[3]") + itemFrame(`{"seq":3,"version":5,"title":"old"}`) + badgeFrame(6, 1), "2two* = 1"},
		"late content, flags changed before": {
			itemFrame(`{"seq":5,"version":5,"pending":true}`) + stateFrame(6, "[5]", "[]") +
				itemFrame(`{"seq":5,"version":5,"title":"five"}`) + badgeFrame(6, 2),
			"5five 3three* 2two* = 2"},
	}
	s := &script{lists: []string{startList}, streams: []string{""}, open: true}
	tab := run(t, s, "")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s.mu.Lock()
			s.asked, s.streams = nil, []string{fast + tt.stream + "event: done\ndata: {}\n\n"}
			s.mu.Unlock()
			// An event that is not known is no reason to stop, and its frame
			// says here that all before it was read.
			got := browsertest.Eval[string](tab, `import('/belfry.js').then(({ Inbox, EventStreamParser }) => new Promise((resolve) => {
				inbox.stop();
				window.inbox = new Inbox({ user: 'a' });
				const push = EventStreamParser.prototype.push;
				EventStreamParser.prototype.push = function (text) {
					const frames = push.call(this, text);
					// Frames are taken in turn without a pause, all but resync.
					if (frames.some((f) => f.event === 'done')) setTimeout(() => resolve(shown()));
					return frames;
				};
				inbox.start();
			}))`)
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestInboxReconnects(t *testing.T) {
	s := &script{
		lists: []string{emptyList},
		streams: []string{
			fast + itemFrame(`{"seq":1,"version":1,"title":"one"}`) + badgeFrame(1, 1), // cut off
			fast + "id: 7.1\nevent: bye\ndata: {\"reason\":\"drain\"}\n\n",
			fast + itemFrame(`{"seq":2,"version":2,"title":"two"}`), // a batch without its end
			fast + itemFrame(`{"seq":2,"version":2,"title":"two"}`) + badgeFrame(2, 2),
		},
		open: true,
	}
	tab := run(t, s, `token: () => 'secret'`)
	browsertest.Eventually(tab, `shown()`, "2two* 1one* = 2")
	browsertest.Eventually(tab, `inbox.status`, "live")
	want := "list ; stream 0.0 Bearer secret; stream 7.1 Bearer secret; stream 7.1 Bearer secret; stream 7.1 Bearer secret"
	if got := s.requests(); got != want {
		t.Errorf("got requests %s, want %s", got, want)
	}
}

// TestInboxResync lists again with the version of the frame, and takes its id
// only with that list, which it does not get at first.
func TestInboxResync(t *testing.T) {
	s := &script{
		lists:   []string{startList, unavailable, strings.ReplaceAll(startList, `"version":3,"cursor":"7.3"`, `"version":9,"cursor":"7.8"`)},
		streams: []string{fast + "id: 7.9\nevent: resync\ndata: {\"version\":9}\n\n", fast + badgeFrame(10, 2)},
		open:    true,
	}
	tab := run(t, s, "")
	browsertest.Eventually(tab, `inbox.unread?.version ?? 0`, 10)
	if got, want := s.requests(), "list ; stream 7.3 ; list 9; list 9; stream 7.8 "; got != want {
		t.Errorf("got requests %s, want %s", got, want)
	}
}

// TestInboxOfAnotherLog has a log that goes on in another epoch, and one that
// began anew, as after a restart of the demo: its versions are lower.
func TestInboxOfAnotherLog(t *testing.T) {
	const (
		anew   = `{"user":"a","version":1,"cursor":"9.1","unread":1,"items":[{"seq":1,"version":1,"title":"anew"}]}`
		none   = `{"user":"a","version":0,"cursor":"0.0","unread":0,"items":[]}`
		higher = `{"user":"a","version":5,"cursor":"9.5","unread":1,"items":[{"seq":5,"version":5,"title":"five"}]}`
		badge  = "id: 9.%[1]d\nevent: unread\ndata: {\"user\":\"a\",\"version\":%[1]d,\"cursor\":\"9.%[1]d\",\"unread\":1,\"categories\":{}}\n\n"
		resync = "id: 9.%[1]d\nevent: resync\ndata: {\"version\":%[1]d}\n\n"
	)
	tests := map[string]struct {
		lists   []string
		streams []string
		want    string
		asked   string
	}{
		"resync, lower": {[]string{startList, anew}, []string{fast + fmt.Sprintf(resync, 1)},
			"1anew* = 1", "list ; stream 7.3 ; list "},
		"resync, nobody wrote to the user": {[]string{startList, none}, []string{fast + "id: 0.0\nevent: resync\ndata: {\"version\":0}\n\n"},
			" = 0", "list ; stream 7.3 ; list "},
		"resync, higher": {[]string{startList, higher}, []string{fast + fmt.Sprintf(resync, 5)},
			"5five* = 1", "list ; stream 7.3 ; list 5"},
		"batch, lower": {[]string{startList, anew}, []string{fast + itemFrame(`{"seq":3,"version":1,"title":"no"}`) + fmt.Sprintf(badge, 1)},
			"1anew* = 1", "list ; stream 7.3 ; list "},
		"batch, higher": {[]string{startList, higher}, []string{fast + stateFrame(5, "[]", "[2]") + fmt.Sprintf(badge, 5)},
			"5five* = 1", "list ; stream 7.3 ; list 5"},
		"list behind the stream": {[]string{startList, none}, []string{fast + fmt.Sprintf(resync, 1), fast + itemFrame(`{"seq":1,"version":1,"title":"anew"}`) + fmt.Sprintf(badge, 1)},
			"1anew* = 1", "list ; stream 7.3 ; list ; stream 0.0 "},
		"refused as of the future": {[]string{startList, unavailable, unavailable, anew}, []string{fast + "id: 7.9\nevent: resync\ndata: {\"version\":9}\n\n", fast},
			"1anew* = 1", "list ; stream 7.3 ; list 9; list 9; list ; stream 9.1 "},
		"refused, and the server is behind": {[]string{startList, unavailable, unavailable, startList, anew}, []string{fast + "id: 7.9\nevent: resync\ndata: {\"version\":9}\n\n", fast},
			"1anew* = 1", "list ; stream 7.3 ; list 9; list 9; list ; list ; stream 9.1 "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := &script{lists: tt.lists, streams: tt.streams, open: true}
			tab := run(t, s, "")
			browsertest.Eventually(tab, `shown()`, tt.want)
			browsertest.Eventually(tab, `inbox.status`, "live")
			if got := s.requests(); got != tt.asked {
				t.Errorf("got requests %s, want %s", got, tt.asked)
			}
		})
	}
}

// TestInboxWatchdog has a stream that says nothing: it is given up.
func TestInboxWatchdog(t *testing.T) {
	s := &script{lists: []string{startList}, streams: []string{fast}, open: true}
	tab := run(t, s, `watchdog: 50`)
	browsertest.Eventually(tab, `statuses.filter((s) => s === 'live').length > 2`, true)
	browsertest.Eval[any](tab, `inbox.stop()`)
	browsertest.Eventually(tab, `inbox.status`, "stopped")
}

func TestInboxRefused(t *testing.T) {
	const bye = "event: bye\ndata: {\"reason\":\"expired\"}\n\n"
	tests := map[string]struct {
		script *script
		want   string
	}{
		"forbidden":     {&script{status: 403}, "not you"},
		"token expired": {&script{lists: []string{startList}, streams: []string{"retry: 30000\n\n" + bye}}, "the token has expired"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tab := run(t, tt.script, `token: 'same'`)
			browsertest.Eventually(tab, `inbox.status`, "refused")
			browsertest.Eventually(tab, `inbox.error.message`, tt.want)
		})
	}
}

// TestEventStreamParser cuts a stream at every place, and into single letters.
func TestEventStreamParser(t *testing.T) {
	s := &script{lists: []string{emptyList}, streams: []string{""}, open: true}
	tab := run(t, s, "")
	const text = `'\uFEFF'.slice(1) + ': comment\r\nretry: 12\r\n\r\nretry: -1\n\nid: 1\revent: a\rdata: x\rdata:  y\r\revent: c\r\ndata: w\r\n\r\ndata\n\nid: 2\n\nevent: b\n\nid\ndata: 한국어\nother: z\n\ndata: no end'`
	const want = `[{"event":"a","data":"x\n y","id":"1"},{"event":"c","data":"w"},{"event":"message","data":""},{"event":"message","data":"한국어","id":""}] 12`
	got := browsertest.Eval[[]string](tab, `import('/belfry.js').then(({ EventStreamParser }) => {
		const text = `+text+`;
		const parse = (pieces) => {
			const p = new EventStreamParser();
			return JSON.stringify(pieces.flatMap((piece) => p.push(piece))) + ' ' + p.retry;
		};
		const results = new Set([parse([text]), parse([...text])]);
		for (let i = 0; i <= text.length; i++) results.add(parse([text.slice(0, i), text.slice(i)]));
		return [...results];
	})`)
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
