package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
)

// serve runs a server for each handler and returns their api.
func serve(t *testing.T, handlers ...http.Handler) (*api, *troubles) {
	t.Helper()
	var tr troubles
	in := &installation{service: "service", admin: "admin"}
	for i, h := range handlers {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		in.servers = append(in.servers, &member{name: fmt.Sprintf("server-%d", i+1), url: s.URL})
	}
	a := newAPI(in, tr.tell)
	t.Cleanup(a.close)
	return a, &tr
}

// calls notes requests and answers them in turn, the last one again and again.
type calls struct {
	mu      sync.Mutex
	seen    []string
	answers []func(http.ResponseWriter)
}

func (c *calls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("If-None-Match")))
	c.answers[0](w)
	if len(c.answers) > 1 {
		c.answers = c.answers[1:]
	}
}

func (c *calls) requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.seen)
}

// status answers with a status and a body, and an ETag if there is one.
func status(code int, etag, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		if etag != "" {
			w.Header().Set("ETag", etag)
		}
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}
}

func TestWhatNoServerMayAnswerIsTrouble(t *testing.T) {
	for code, want := range map[int]int{200: 0, 202: 0, 304: 0, 503: 0, 400: 1, 401: 1, 403: 1, 404: 1, 500: 1} {
		a, tr := serve(t, &calls{answers: []func(http.ResponseWriter){status(code, "", "")}})
		if got := a.do(t.Context(), call{method: http.MethodGet, path: "/x", token: a.admin}); got.status != code {
			t.Errorf("status %d, want %d", got.status, code)
		}
		if got := tr.all(); len(got) != want {
			t.Errorf("%d: told %q", code, got)
		}
	}
	a, tr := serve(t, http.NotFoundHandler())
	a.servers[0].url = "http://127.0.0.1:1"
	if got := a.do(t.Context(), call{method: http.MethodGet, path: "/x"}); got.status != 0 || len(tr.all()) != 0 {
		t.Errorf("no server: %d, told %q", got.status, tr.all())
	}
}

func newReader(t *testing.T, a *api) (*reader, *history.History) {
	t.Helper()
	h := &history.History{}
	return &reader{name: "reader", user: "사용자-7", history: h, api: a, dice: rand.New(rand.NewPCG(1, 1))}, h
}

// A reader tells each server what it has seen elsewhere.
func TestReadersNeverAskForLessThanTheyKnow(t *testing.T) {
	page := func(version, next int) func(http.ResponseWriter) {
		return status(200, "", fmt.Sprintf(`{"version":%d,"cursor":"5.%[1]d","unread":1,"items":[{"seq":3,"version":4,"id":"a","source":"/s","read":true}],"next":"%d"}`, version, next))
	}
	c := &calls{answers: []func(http.ResponseWriter){page(8, 3), page(9, 0), page(9, 0)}}
	a, tr := serve(t, c)
	r, h := newReader(t, a)
	first, ok := r.pages(t.Context(), false)
	if !ok || first.Version != 8 || first.Next != 3 || first.Cursor != (inbox.Cursor{Epoch: 5, Version: 8}) {
		t.Errorf("first page %+v, %t", first, ok)
	}
	if _, ok := r.pages(t.Context(), true); !ok {
		t.Error("no archive")
	}
	path := "GET /v1/users/%EC%82%AC%EC%9A%A9%EC%9E%90-7/inbox?"
	want := []string{path + "limit=100", path + "before=3&limit=100&min_version=8", path + "limit=100&min_version=9&status=archived"}
	if got := c.requests(); !slices.Equal(got, want) {
		t.Errorf("requests\n%q, want\n%q", got, want)
	}
	if len(h.Listed) != 3 || h.Listed[1].Before != 3 || !h.Listed[2].Archived || h.Listed[0].Items[0] != (history.Item{Seq: 3, Version: 4, ID: "a", Source: "/s", Read: true}) {
		t.Errorf("recorded %+v", h.Listed)
	}
	if got := tr.all(); len(got) != 0 {
		t.Errorf("told %q", got)
	}
}

func TestPollersBringTheirTag(t *testing.T) {
	t.Parallel()
	badge := `{"user":"사용자-7","version":4,"cursor":"5.4","unread":2,"unseen":1,"urgent":0,"categories":{"order":{"unread":1,"unseen":0}}}`
	c := &calls{answers: []func(http.ResponseWriter){status(503, "", ""), status(200, `"5.4.0"`, badge), status(304, `"5.4.0"`, "")}}
	a, _ := serve(t, c)
	r, h := newReader(t, a)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.poll(ctx)
	}()
	eventually(t, "four polls", func() bool { return len(c.requests()) >= 4 })
	cancel()
	<-done
	path := "GET /v1/users/%EC%82%AC%EC%9A%A9%EC%9E%90-7/unread"
	if got := c.requests()[:4]; !slices.Equal(got, []string{path, path, path + ` "5.4.0"`, path + ` "5.4.0"`}) {
		t.Errorf("requests %q", got)
	}
	if len(h.Polled) != 1 || h.Polled[0].Cursor.Version != 4 || h.Polled[0].Counts.Unread != 2 || h.Polled[0].Counts.Categories["order"].Unread != 1 {
		t.Errorf("recorded %+v", h.Polled)
	}
}

func TestCommandsAreRecordedAsAnswered(t *testing.T) {
	badge := status(200, `"5.9.0"`, `{"user":"u","version":9,"cursor":"5.9","unread":0}`)
	for name, tt := range map[string]struct {
		answer       func(http.ResponseWriter)
		acknowledged bool
		version      uint64
		polled       int
	}{
		"done":    {badge, true, 9, 1},
		"late":    {status(202, "", `{"user":"u","version":1,"cursor":"5.1"}`), true, 0, 0},
		"unknown": {status(503, "", ""), false, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := serve(t, &calls{answers: []func(http.ResponseWriter){tt.answer}})
			r, h := newReader(t, a)
			r.command(t.Context(), inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{3}})
			if len(h.Acted) != 1 || h.Acted[0].Acknowledged != tt.acknowledged || h.Acted[0].Version != tt.version || len(h.Polled) != tt.polled {
				t.Errorf("recorded %+v, %d polls", h.Acted, len(h.Polled))
			}
			if r.version != tt.version {
				t.Errorf("knows version %d, want %d", r.version, tt.version)
			}
		})
	}
}

// The API takes every action that users choose.
func TestChosenActionsAreValid(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	items := []history.Item{{Seq: 9, Category: "order"}, {Seq: 5}, {Seq: 2, Category: "comment"}}
	seen := history.Listed{Version: 12, Items: items}
	kinds := map[inbox.Kind]bool{}
	horizons := 0
	for i := range 500 {
		record := choose(dice, seen, i%3 == 0)
		kinds[record.Kind] = true
		if len(record.Seqs) == 0 {
			horizons++
			if record.UpTo != 12 || !record.Kind.TakesHorizon() || record.Kind == inbox.KindDelete && record.Category == "" {
				t.Errorf("horizon %+v", record)
			}
		}
		for _, seq := range record.Seqs {
			if !slices.ContainsFunc(items, func(it history.Item) bool { return it.Seq == seq }) {
				t.Errorf("seq %d was not on the screen", seq)
			}
		}
		if _, ok := inbox.ParseAction(record.Kind.String()); !ok {
			t.Errorf("%s is no action", record.Kind)
		}
	}
	if len(kinds) != 6 || horizons == 0 || horizons > 250 {
		t.Errorf("%d kinds, %d horizons", len(kinds), horizons)
	}
	zero := uint64(0)
	if text, err := json.Marshal(actionBody{UpTo: &zero}); err != nil || string(text) != `{"up_to":0}` {
		t.Errorf("body %s, %v", text, err)
	}
}
