package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/chaos/history"
)

func TestAuthorsWriteWhatParses(t *testing.T) {
	a := newAuthor("s1", users(20), rand.New(rand.NewPCG(1, 1)))
	first := map[string]message{}
	var repeats, retractions, collapses, several int
	for range 3000 {
		m := a.next()
		text, err := json.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := belfry.ParseMessage(text, belfry.Notification{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := len(parsed.Recipients); got != len(m.recipients()) || got == 0 {
			t.Errorf("%s is for %d, want %d", text, got, len(m.recipients()))
		}
		if m.Retract {
			retractions++
			continue
		}
		if m.CollapseKey != "" {
			collapses++
		}
		if len(m.Recipients) > 1 {
			several++
		}
		if old, ok := first[m.ID]; ok {
			repeats++
			if fmt.Sprint(old) != fmt.Sprint(m) {
				t.Errorf("%+v again as %+v", old, m)
			}
		}
		first[m.ID] = m
	}
	for what, n := range map[string]int{"repeats": repeats, "retractions": retractions, "collapses": collapses, "several recipients": several} {
		if n < 20 || n > 500 {
			t.Errorf("%d %s of 3000", n, what)
		}
	}
}

func TestUsersAreValidAndDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, u := range users(100) {
		if err := belfry.CheckRecipient(u); err != nil || seen[u] {
			t.Errorf("%q: %v, seen %t", u, err, seen[u])
		}
		seen[u] = true
	}
}

// accepting takes a batch at the third try only.
type accepting struct {
	mu    sync.Mutex
	tries map[string]int // by body
	paths map[string]int
}

func (a *accepting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Authorization") != "Bearer service" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.paths[r.URL.Path]++
	a.tries[string(body)]++
	if a.tries[string(body)] < 3 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// A batch is sent again, the same, until one of the servers takes it, also when
// writing is to stop.
func TestPostsAreRepeatedUntilAcknowledged(t *testing.T) {
	t.Parallel()
	server := &accepting{tries: map[string]int{}, paths: map[string]int{}}
	a, tr := serve(t, server, server)
	h := &history.History{}
	w := &writers{history: h, api: a, rate: 100, trouble: tr.tell, author: newAuthor("s1", users(5), rand.New(rand.NewPCG(1, 1)))}
	stop, stopWriting := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.overHTTP(t.Context(), stop, rand.New(rand.NewPCG(1, 1)))
	}()
	eventually(t, "a few tries", func() bool {
		server.mu.Lock()
		defer server.mu.Unlock()
		return server.paths["/v1/notifications"] > 4
	})
	stopWriting()
	<-done
	for body, n := range server.tries {
		if n != 3 {
			t.Errorf("%d tries of %s", n, body)
		}
	}
	if len(h.Sent) == 0 || len(tr.all()) != 0 {
		t.Errorf("%d sent, told %q", len(h.Sent), tr.all())
	}
	for _, s := range h.Sent {
		if !s.Acknowledged || s.Via != "http" || s.ID == "" || s.Source == "" || s.Recipient == "" {
			t.Errorf("recorded %+v", s)
		}
	}
	// And when there is no more time, that it is not known.
	ended, end := context.WithCancel(t.Context())
	end()
	if w.post(ended, rand.New(rand.NewPCG(1, 1)), "/v1/notifications", message{}) {
		t.Error("acknowledged without a call")
	}
}
