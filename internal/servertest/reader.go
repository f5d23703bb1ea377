package servertest

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// Reader reads the events of a response as they come.
type Reader struct {
	t *testing.T
	r *bufio.Reader
}

func NewReader(t *testing.T, r *bufio.Reader) Reader { return Reader{t, r} }

// Next returns the next event, or false at the end of the stream.
func (s Reader) Next() (Event, bool) {
	s.t.Helper()
	var block []byte
	for {
		line, err := s.r.ReadBytes('\n')
		if err == io.EOF && len(line)+len(block) == 0 {
			return Event{}, false
		}
		if err != nil {
			s.t.Fatalf("read stream: %v after %q", err, block)
		}
		block = append(block, line...)
		if len(line) == 1 {
			break
		}
	}
	events, _, err := ParseSSE(block)
	if err != nil {
		s.t.Fatal(err)
	}
	return events[0], true
}

// Want reads events until one is of another kind than ping, and holds it
// against what is expected of it.
func (s Reader) Want(want string) {
	s.t.Helper()
	for {
		e, ok := s.Next()
		if !ok {
			s.t.Fatalf("stream ended, want %s", want)
		}
		if e.Name == "ping" {
			continue
		}
		if !Matches(e.String(), want) {
			s.t.Fatalf("got %s, want %s", e, want)
		}
		return
	}
}

// Dial opens a stream over a real connection.
func Dial(t *testing.T, client *http.Client, url string) (Reader, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
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
	return NewReader(t, bufio.NewReader(resp.Body)), resp
}

// WaitFor waits until ok, for a time that only a fault uses up.
func WaitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
		tick := time.NewTimer(time.Millisecond)
		<-tick.C
	}
}

// After lets the bubble's time pass.
func After(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
