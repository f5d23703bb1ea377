package client

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// Answers of all forms are read to their end: what follows on the connection is
// the next one.
func TestPollConn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"`+r.URL.Path[1:]+`"`)
		switch r.URL.Path {
		case "/304":
			w.WriteHeader(http.StatusNotModified)
		case "/200":
			_, _ = fmt.Fprint(w, "body\r\n\r\n")
		case "/chunked":
			_, _ = fmt.Fprint(w, strings.Repeat("x", 10_000))
			_ = http.NewResponseController(w).Flush()
			_, _ = fmt.Fprint(w, "y")
		}
	}))
	defer server.Close()
	at, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := DialPoll(t.Context(), at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 2 {
		for path, want := range map[string]int{"304": 304, "200": 200, "chunked": 200} {
			got, err := conn.Exchange(fmt.Appendf(nil, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", path))
			if err != nil || got.Status != want || got.Tag != `"`+path+`"` {
				t.Errorf("%s: got %+v, %v; want %d", path, got, err, want)
			}
		}
	}
	if _, err := conn.Exchange([]byte("nonsense\r\n\r\n")); err == nil {
		if _, err = conn.Exchange([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err == nil {
			t.Error("a closed connection answered")
		}
	}
}
