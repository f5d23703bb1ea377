package stream

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/server/wire"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/servertest"
)

func serveStreams(s *Hub) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.Serve(w, r, "u", netip.Addr{}, wire.Lease{}) })
}

func TestStreamOverHTTP1(t *testing.T) {
	f := servertest.NewTables()
	s := newTestHub(f)
	srv := httptest.NewServer(serveStreams(s))
	t.Cleanup(srv.Close)

	stream, resp := servertest.Dial(t, srv.Client(), srv.URL+"?last_event_id=0.0")
	if resp.ProtoMajor != 1 {
		t.Errorf("got %s", resp.Proto)
	}
	stream.Want("retry")
	servertest.Append(t, f, servertest.Note("one"))
	stream.Want(`item "seq":1 "title":"one"`)
	stream.Want(`unread "unread":1 id=7.1`)
	servertest.Append(t, f, servertest.Command(inbox.KindRead, 1))
	stream.Want(`state "read":[1]`)
	stream.Want(`unread "unread":0 id=7.2`)

	again, _ := servertest.Dial(t, srv.Client(), srv.URL+"?last_event_id=7.1")
	again.Want("retry")
	again.Want(`state "read":[1]`)
	again.Want(`unread id=7.2`)

	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.Drain(t.Context())
	}()
	for _, r := range []servertest.Reader{stream, again} {
		r.Want(`bye {"reason":"drain"} id=7.2`)
		if e, ok := r.Next(); ok {
			t.Errorf("got %s after bye", e)
		}
	}
	<-drained
}

// TestStreamOutlivesItsWriteDeadlines holds that a stream lives on after the
// deadline of a write has passed, on HTTP/2 too, where a deadline ends the
// stream even when nothing is being written.
func TestStreamOutlivesItsWriteDeadlines(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			f := servertest.NewTables()
			s := newTestHub(f)
			s.writeTimeout, s.pingEvery = 200*time.Millisecond, 300*time.Millisecond
			srv := httptest.NewUnstartedServer(serveStreams(s))
			srv.EnableHTTP2 = strings.HasPrefix(proto, "HTTP/2")
			srv.TLS = &tls.Config{}
			srv.StartTLS()
			t.Cleanup(srv.Close)
			stream, resp := servertest.Dial(t, srv.Client(), srv.URL)
			if resp.Proto != proto {
				t.Fatalf("got %s", resp.Proto)
			}
			stream.Want("retry")
			stream.Want("unread id=0.0")
			for range 3 {
				if e, ok := stream.Next(); !ok || e.Name != eventPing {
					t.Fatalf("got %s, %t, want ping", e, ok)
				}
			}
			servertest.Append(t, f, servertest.Note("one"))
			stream.Want(`item "seq":1`)
			stream.Want(`unread id=7.1`)
		})
	}
}
