package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/history"
)

// streaming serves streams from a script: each connection gets the next text.
type streaming struct {
	mu      sync.Mutex
	scripts []string
	cursors []string // that connections brought
	lists   []string // queries
	page    string
}

func (s *streaming) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/inbox") {
		s.lists = append(s.lists, r.URL.Query().Get("min_version"))
		fmt.Fprint(w, s.page)
		return
	}
	s.cursors = append(s.cursors, r.Header.Get("Last-Event-ID"))
	w.Header().Set("Content-Type", "text/event-stream")
	if len(s.scripts) > 0 {
		fmt.Fprint(w, s.scripts[0])
		s.scripts = s.scripts[1:]
	}
}

func TestStreamersListAndGoOnFromTheLastID(t *testing.T) {
	t.Parallel()
	unread := func(version, n int) string {
		return fmt.Sprintf("id: 5.%d\nevent: unread\ndata: {\"user\":\"u\",\"version\":%[1]d,\"cursor\":\"5.%[1]d\",\"unread\":%d,\"unseen\":%[2]d}\n\n", version, n)
	}
	server := &streaming{
		page: `{"version":3,"cursor":"5.3","unread":1,"items":[{"seq":3,"version":3,"id":"a"}]}`,
		scripts: []string{
			"retry: 2000\n\nevent: item\ndata: {\"seq\":7,\"version\":7,\"id\":\"b\"}\n\n" + unread(7, 2),
			"retry: 2000\n\nid: 5.9\nevent: resync\ndata: {\"version\":9}\n\n" + unread(10, 1),
		},
	}
	a, tr := serve(t, server)
	h := &history.History{}
	s := &streamer{reader: reader{name: "stream-1", user: "u", history: h, api: a, dice: rand.New(rand.NewPCG(1, 1))}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.run(ctx)
	}()
	eventually(t, "four connections", func() bool {
		server.mu.Lock()
		defer server.mu.Unlock()
		return len(server.cursors) >= 4
	})
	cancel()
	<-done
	if got := server.cursors[:4]; !slices.Equal(got, []string{"5.3", "5.7", "5.10", "5.10"}) {
		t.Errorf("connections from %q", got)
	}
	if !slices.Equal(server.lists, []string{"", "9"}) {
		t.Errorf("lists from versions %q", server.lists)
	}
	if held := s.held(); held.Cursor != (inbox.Cursor{Epoch: 5, Version: 10}) || held.Unread != 1 || len(held.Items) != 1 || held.Items[0].ID != "a" {
		t.Errorf("holds %+v", held)
	}
	if text := s.settled(10); text != "" {
		t.Error(text)
	}
	if text := s.settled(11); !strings.Contains(text, "stream-1 is at 5.10 of version 11") {
		t.Errorf("not settled: %q", text)
	}
	var events []string
	for _, f := range h.Frames[:7] {
		events = append(events, fmt.Sprint(f.Connection, f.Event, f.ID))
	}
	if want := []string{"1open5.3", "1item", "1unread5.7", "2open5.7", "2resync5.9", "2unread5.10", "3open5.10"}; !slices.Equal(events, want) {
		t.Errorf("recorded %q, want %q", events, want)
	}
	if got := tr.all(); len(got) != 0 {
		t.Errorf("told %q", got)
	}
}
