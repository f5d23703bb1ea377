package bench

import (
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// probeEvery is how often a balancer looks whether its servers are ready.
const probeEvery = 250 * time.Millisecond

// balancer does what a load balancer in front of servers does: it sends clients
// to those whose /readyz says that they are ready.
type balancer struct {
	client *http.Client

	mu    sync.Mutex
	ready map[string]bool   // by URL
	saw   map[string]string // the last state of each
	seen  []string          // states, in the order in which they came up
}

func newBalancer(servers ...string) *balancer {
	b := &balancer{
		client: &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
		ready:  map[string]bool{}, saw: map[string]string{},
	}
	for _, url := range servers {
		b.ready[url] = false
	}
	return b
}

// run probes until ctx ends.
func (b *balancer) run(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		for url := range b.servers() {
			state := b.probe(ctx, url)
			b.mu.Lock()
			b.ready[url] = state == "ready"
			if b.saw[url] != state {
				b.saw[url] = state
				b.seen = append(b.seen, state)
			}
			b.mu.Unlock()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (b *balancer) servers() map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string]bool{}
	for url := range b.ready {
		all[url] = true
	}
	return all
}

// probe returns the state that /readyz tells, "" without an answer.
func (b *balancer) probe(ctx context.Context, url string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return ""
	}
	response, err := b.client.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	var body struct {
		State string `json:"state"`
	}
	text, err := io.ReadAll(response.Body)
	if err != nil || json.Unmarshal(text, &body) != nil {
		return ""
	}
	return body.State
}

// pick returns a server that is ready, another than not if there is one; false
// if none is.
func (b *balancer) pick(not string) (url string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for url, ready := range b.ready {
		if ready {
			all = append(all, url)
		}
	}
	if others := slices.DeleteFunc(slices.Clone(all), func(url string) bool { return url == not }); len(others) > 0 {
		all = others
	}
	if len(all) == 0 {
		return "", false
	}
	return all[rand.IntN(len(all))], true
}

// states are those that servers were seen in.
func (b *balancer) states() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.seen)
}
