package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

func TestStageCrowded(t *testing.T) {
	at := func(ms ...int) []time.Time {
		var all []time.Time
		for _, m := range ms {
			all = append(all, time.UnixMilli(int64(m)))
		}
		return all
	}
	for _, tt := range []struct {
		came []time.Time
		want float64
	}{
		{nil, 0},
		{at(5), 1},
		{at(0, 999), 1},
		{at(0, 1000), .5},
		{at(0, 900, 1800, 2700), .5},
		{at(0, 2000, 2001, 2002), .75},
	} {
		if got := (&Stage{Came: tt.came}).Crowded(); got != tt.want {
			t.Errorf("got %v for %v, want %v", got, tt.came, tt.want)
		}
	}
}

func TestRolloutLog(t *testing.T) {
	l := newRolloutLog()
	l.stage("steady")
	began := time.Now()
	l.due("a", began)
	l.due("b", began)
	l.arrive("a", began.Add(time.Second))
	l.arrive("a", began.Add(2*time.Second))
	l.came(0, began)
	l.came(1, began)
	l.resync([]string{"a", ""}, began)
	if l.begun() != 1 || l.missing() != 1 {
		t.Errorf("got %d streams and %d missing, want one of each", l.begun(), l.missing())
	}
	r := l.rolled()
	if r.Again != 1 || r.Resync != 1 || r.Worst != time.Second || len(r.Stages) != 1 {
		t.Fatalf("got %+v", r)
	}
	if s := r.Stages[0]; !slices.Equal(s.Delays, []time.Duration{time.Second}) || len(s.Came) != 1 {
		t.Errorf("got %+v, want one delay of 1 s and one stream that came back", s)
	}
}

// An eventSource goes to who is ready, comes back when it is told to, with the
// cursor of the last whole event, and elsewhere when it is refused.
func TestEventSource(t *testing.T) {
	t.Parallel()
	var draining atomic.Bool
	type request struct {
		first  bool
		cursor string
	}
	requests := make(chan request, 1000)
	serve := func(first bool) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" {
				state := "ready"
				if first == draining.Load() {
					state = "draining"
				}
				fmt.Fprintf(w, `{"state":%q}`, state)
				return
			}
			requests <- request{first, r.Header.Get("Last-Event-ID")}
			if !first {
				fmt.Fprint(w, "retry: 60000\n\nevent: unread\ndata: {}\n\n")
				return
			}
			fmt.Fprint(w, "retry: 4000\n\nid: 7.1\nevent: item\ndata: {\"id\":\"x\"}\n\nid: 7.1\nretry: 10\nevent: bye\ndata: {}\n\nid: 7.9\nevent: cut")
			draining.Store(true)
		}))
		t.Cleanup(s.Close)
		return s
	}
	a, b := serve(true), serve(false)
	lb := newBalancer(a.URL, b.URL)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	go func() { lb.run(ctx); done <- struct{}{} }()
	var items []string
	came := make(chan int, 1000)
	s := &eventSource{
		user: "u", balancer: lb, client: http.DefaultClient, resync: func([]string, time.Time) {},
		came: func(n int, _ time.Time) { came <- n }, item: func(id string, _ time.Time) { items = append(items, id) },
	}
	go func() { s.run(ctx); done <- struct{}{} }()
	if got := <-requests; got != (request{true, ""}) {
		t.Errorf("got %+v at first, want the first server without a cursor", got)
	}
	// It may have been back before the balancer saw.
	got := <-requests
	for ; got.first; got = <-requests {
		if got.cursor != "7.1" {
			t.Errorf("got cursor %q, want 7.1", got.cursor)
		}
	}
	if got.cursor != "7.1" {
		t.Errorf("got cursor %q at the other server, want 7.1", got.cursor)
	}
	if got := <-came; got != 0 {
		t.Errorf("got stream %d first, want 0", got)
	}
	if got := <-came; got != 1 {
		t.Errorf("got stream %d then, want 1", got)
	}
	stop()
	<-done
	<-done
	if len(items) == 0 || items[0] != "x" {
		t.Errorf("got items %v, want x", items)
	}
	if !slices.Contains(lb.states(), "draining") {
		t.Errorf("got states %v, want one draining", lb.states())
	}
}
