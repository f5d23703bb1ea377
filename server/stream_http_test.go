package server

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
)

func serveStreams(s *streams) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, "u", netip.Addr{}, time.Time{}) })
}

func TestStreamOverHTTP1(t *testing.T) {
	f := newFake()
	s := newTestStreams(f)
	srv := httptest.NewServer(serveStreams(s))
	t.Cleanup(srv.Close)

	stream, resp := dial(t, srv.Client(), srv.URL+"?last_event_id=0.0")
	if resp.ProtoMajor != 1 {
		t.Errorf("got %s", resp.Proto)
	}
	stream.want("retry")
	appendTo(t, f, note("one"))
	stream.want(`item "seq":1 "title":"one"`)
	stream.want(`unread "unread":1 id=7.1`)
	appendTo(t, f, command(inbox.KindRead, 1))
	stream.want(`state "read":[1]`)
	stream.want(`unread "unread":0 id=7.2`)

	again, _ := dial(t, srv.Client(), srv.URL+"?last_event_id=7.1")
	again.want("retry")
	again.want(`state "read":[1]`)
	again.want(`unread id=7.2`)

	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.drain(t.Context())
	}()
	for _, r := range []streamReader{stream, again} {
		r.want(`bye {"reason":"drain"} id=7.2`)
		if e, ok := r.next(); ok {
			t.Errorf("got %s after bye", e)
		}
	}
	<-drained
}

// TestStreamOutlivesItsWriteDeadlines holds that a stream lives on after the
// deadline of a write has passed, on HTTP/2 too, where a deadline ends the
// stream even when nothing is being written.
func TestStreamOutlivesItsWriteDeadlines(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			f := newFake()
			s := newTestStreams(f)
			s.writeTimeout, s.pingEvery = 200*time.Millisecond, 300*time.Millisecond
			srv := httptest.NewUnstartedServer(serveStreams(s))
			srv.EnableHTTP2 = strings.HasPrefix(proto, "HTTP/2")
			srv.TLS = &tls.Config{}
			srv.StartTLS()
			t.Cleanup(srv.Close)
			stream, resp := dial(t, srv.Client(), srv.URL)
			if resp.Proto != proto {
				t.Fatalf("got %s", resp.Proto)
			}
			stream.want("retry")
			stream.want("unread id=0.0")
			for range 3 {
				if e, ok := stream.next(); !ok || e.name != eventPing {
					t.Fatalf("got %s, %t, want ping", e, ok)
				}
			}
			appendTo(t, f, note("one"))
			stream.want(`item "seq":1`)
			stream.want(`unread id=7.1`)
		})
	}
}
