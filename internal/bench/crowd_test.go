package bench

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/bench/client"
)

// badges serves streams: each badge is of the version that comes out of next.
func badges(t *testing.T, http2 bool, next chan uint64) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/users/nobody/stream" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		for version := uint64(0); ; {
			_, _ = fmt.Fprintf(w, "event: unread\ndata: {\"user\":%q,\"version\":%d}\n\n", r.URL.Path, version)
			if http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case version = <-next:
			case <-r.Context().Done():
				return
			}
			if version == 0 {
				return
			}
		}
	}))
	if http2 {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func TestCrowd(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2 %t", http2), func(t *testing.T) {
			next := make(chan uint64)
			c, err := newCrowd(badges(t, http2, next).URL, http2)
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			if err := c.open(t.Context(), []string{"a", "b", "c"}); err != nil {
				t.Fatal(err)
			}
			if err := c.open(t.Context(), []string{"nobody"}); !errors.Is(err, client.ErrAnswer) {
				t.Errorf("got %v, want an answer that is no stream", err)
			}
			c.keep(3)
			if users := []string{c.held[0].user, c.held[1].user, c.held[2].user}; !slices.Equal(users, []string{"a", "b", "c"}) || c.ended() != 0 {
				t.Errorf("holds %v, of which %d ended", users, c.ended())
			}
			before := time.Now()
			next <- 7 // to one of them
			next <- 5
			eventually(t, func() bool {
				n := 0
				for _, h := range c.held {
					if at, ok := h.reached(5); ok && at.After(before) {
						n++
					}
					if at, ok := h.reached(8); ok {
						t.Errorf("version 8 came at %s", at)
					}
				}
				return n >= 1
			})
			next <- 0
			eventually(t, func() bool { return c.ended() == 1 })
		})
	}
}

func TestReached(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	h := &heldStream{}
	for _, a := range []arrival{{2, at(1)}, {2, at(2)}, {5, at(3)}, {4, at(4)}, {6, at(5)}} {
		h.arrive(a.version, a.at)
	}
	for version, want := range map[uint64]time.Time{1: at(1), 2: at(1), 3: at(3), 5: at(3), 6: at(5)} {
		if got, ok := h.reached(version); !got.Equal(want) || !ok {
			t.Errorf("version %d: got %s, %t; want %s", version, got, ok, want)
		}
	}
	if got, ok := h.reached(7); ok {
		t.Errorf("version 7 came at %s", got)
	}
	h.forget()
	if got, _ := h.reached(1); !got.Equal(at(5)) || h.newest() != 6 {
		t.Errorf("after forget: %s, newest %d", got, h.newest())
	}
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(3 * time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("not within 3 min")
		}
		<-tick.C
	}
}
