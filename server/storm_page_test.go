package server

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/browsertest"
)

// crowdPage has a client of each user of its query, and tells the page around it what
// they show.
const crowdPage = `<!doctype html><script type="module">
	import { Belfry } from '/belfry.js';
	for (const user of new URLSearchParams(location.search).getAll('user')) {
		const client = new Belfry({ user });
		const list = client.list();
		client.subscribe(() => parent.postMessage({ user, shown: client.state.counts.unread + ' of ' + list.items.length + ' ' + client.state.status }, '*'));
	}
</script>`

// TestTabsInAStorm has many users in one browser lose their server at once, each with a
// stream: they ask less and less while it is away, and each is back with one stream.
func TestTabsInAStorm(t *testing.T) {
	t.Parallel()               // it waits
	const origins, each = 6, 4 // of one origin a browser has six connections
	// A slow machine makes them ask less often.
	const outage, most = 15 * time.Second, 12
	s := newTabServer(t)
	tab := s.open(t, 0, "")
	var users []string
	var frames strings.Builder
	for origin := range origins {
		fmt.Fprintf(&frames, "add('http://127.0.0.%d:%s/crowd?", origin+2, s.port)
		for i := range each {
			users = append(users, fmt.Sprintf("u-%d-%d", origin, i))
			fmt.Fprintf(&frames, "&user=%s", users[len(users)-1])
		}
		frames.WriteString("');\n")
	}
	browsertest.Eval[any](tab, `
		window.shows = new Map();
		addEventListener('message', ({ data }) => shows.set(data.user, data.shown));
		window.all = () => shows.size + ': ' + [...new Set(shows.values())].sort().join(' | ');
		const add = (src) => document.body.append(Object.assign(document.createElement('iframe'), { src }));
		`+frames.String())
	browsertest.Eventually(tab, `all()`, fmt.Sprintf("%d: 0 of 0 live", len(users)))

	var mu sync.Mutex
	asked := map[string]int{}
	s.instead(func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		asked[strings.Split(r.URL.Path, "/")[3]]++
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	s.close()
	began := time.Now()
	await.Eventually(t, await.Patience, func() string {
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprintf("asked: %v", asked)
	}, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return time.Since(began) > outage && len(asked) == len(users)
	})
	mu.Lock()
	for user, n := range asked {
		if n > most {
			t.Errorf("%s asked %d times in an outage of %v, want at most %d", user, n, outage, most)
		}
	}
	t.Logf("asked: %v", asked)
	mu.Unlock()

	for _, user := range users {
		s.notify(user, "meanwhile")
	}
	before := s.opened.Load()
	s.instead(nil)
	browsertest.Eventually(tab, `all()`, fmt.Sprintf("%d: 1 of 1 live", len(users)))
	if got := s.opened.Load() - before; got != int64(len(users)) {
		t.Errorf("%d streams were opened, want one for each of %d users", got, len(users))
	}
}
