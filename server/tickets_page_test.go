package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/belfry/belfry/internal/browsertest"
)

// cutter closes the connections that streams came over, as a proxy would, and
// shortens the time after which a client is to come back.
type cutter struct {
	mu      sync.Mutex
	streams []net.Conn
	opened  []string // the queries
}

type connKey struct{}

// followTicket is a page with a plain EventSource, which asks for another ticket
// when the server says that the one it has is used.
const followTicket = `
window.log = []; window.opened = 0; window.errors = 0;
window.open_ = async (cursor) => {
	const answer = await fetch('/v1/users/a/tickets', { method: 'POST', headers: { Authorization: 'Bearer ' + token } });
	const { ticket } = await answer.json();
	const source = new EventSource('/v1/users/a/stream?' + new URLSearchParams({ ticket, last_event_id: cursor }));
	window.source = source;
	let last = cursor;
	const keep = (event) => { if (event.lastEventId) last = event.lastEventId; };
	source.onopen = () => window.opened++;
	source.onerror = () => window.errors++;
	source.addEventListener('item', (event) => { keep(event); log.push(JSON.parse(event.data).title); });
	source.addEventListener('unread', (event) => { keep(event); log.push(JSON.parse(event.data).unread + ' unread'); });
	source.addEventListener('bye', (event) => {
		log.push('bye ' + JSON.parse(event.data).reason + ', state ' + source.readyState);
		if (!window.waitForMe) return;
		source.close();
		open_(last);
	});
};
`

// TestTicketInABrowser has Chromium's own EventSource lose its connection: it
// connects again by itself with the spent ticket, is told so without being ended
// for good, and the page goes on with another ticket and nothing lost.
func TestTicketInABrowser(t *testing.T) {
	c := &cutter{}
	a := newAPI(t, withJWT(t), func(c *Config) {
		c.Pages = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, "<!doctype html><title>x</title>")
		})
	})
	srv := httptest.NewUnstartedServer(c.watch(a.Handler()))
	srv.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
	srv.Start()
	t.Cleanup(srv.Close)

	tab := browsertest.New(t)
	tab.Open(srv.URL + "/")
	browsertest.Eval[any](tab, fmt.Sprintf("window.token = %q; window.waitForMe = false; %s open_('0.0')", mint(t, "a"), followTicket))
	browsertest.Eventually(tab, `opened`, 1)
	a.notify("a", "first")
	browsertest.Eventually(tab, `log.join('|').includes('first|1 unread')`, true)

	c.Cut()
	browsertest.Eventually(tab, `log.some((line) => line === 'bye expired, state 1')`, true)
	// It would come back yet again: it is connecting, not closed.
	browsertest.Eventually(tab, `source.readyState`, 0)
	a.notify("a", "second")

	browsertest.Eval[any](tab, `window.waitForMe = true; source.dispatchEvent(new MessageEvent('bye', { data: '{"reason":"expired"}' }))`)
	browsertest.Eventually(tab, `log.join('|').includes('second|2 unread')`, true)
	if got := browsertest.Eval[int](tab, `log.filter((line) => line === 'first').length`); got != 1 {
		t.Errorf("the first item came %d times, want once", got)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	tickets := regexp.MustCompile(`ticket=[^&]*`).FindAllString(strings.Join(c.opened, " "), -1)
	if len(tickets) < 3 || tickets[0] != tickets[1] || tickets[len(tickets)-1] == tickets[0] {
		t.Errorf("got streams with %q, want the first ticket twice and then another", tickets)
	}
}

func (c *cutter) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/stream") {
			c.mu.Lock()
			c.streams = append(c.streams, r.Context().Value(connKey{}).(net.Conn))
			c.opened = append(c.opened, r.URL.RawQuery)
			c.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

func (c *cutter) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.streams {
		_ = conn.Close()
	}
}
