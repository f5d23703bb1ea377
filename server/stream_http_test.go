package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
)

// streamReader reads the events of a response as they come.
type streamReader struct {
	t *testing.T
	r *bufio.Reader
}

// next returns the next event, or false at the end of the stream.
func (s streamReader) next() (sseEvent, bool) {
	s.t.Helper()
	var block []byte
	for {
		line, err := s.r.ReadBytes('\n')
		if err == io.EOF && len(line)+len(block) == 0 {
			return sseEvent{}, false
		}
		if err != nil {
			s.t.Fatalf("read stream: %v after %q", err, block)
		}
		block = append(block, line...)
		if len(line) == 1 {
			break
		}
	}
	events, _, err := parseSSE(block)
	if err != nil {
		s.t.Fatal(err)
	}
	return events[0], true
}

// want reads events until one is of another kind than ping, and holds it
// against what is expected of it.
func (s streamReader) want(want string) {
	s.t.Helper()
	for {
		e, ok := s.next()
		if !ok {
			s.t.Fatalf("stream ended, want %s", want)
		}
		if e.name == eventPing {
			continue
		}
		if !matches(e.String(), want) {
			s.t.Fatalf("got %s, want %s", e, want)
		}
		return
	}
}

// dial opens a stream over a real connection.
func dial(t *testing.T, client *http.Client, url string) (streamReader, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("got status %d, type %s", resp.StatusCode, got)
	}
	return streamReader{t, bufio.NewReader(resp.Body)}, resp
}

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
