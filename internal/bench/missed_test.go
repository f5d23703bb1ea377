package bench

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Of streams that lack a version it is said which are open and which ended, and what the
// server says of them.
func TestExplainMissed(t *testing.T) {
	end := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/users/{user}/stream", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, "event: unread\ndata: {\"version\":1}\n\n")
		_ = http.NewResponseController(w).Flush()
		if r.PathValue("user") == "ends" {
			<-end
			return
		}
		<-r.Context().Done()
	})
	mux.HandleFunc("/v1/users/{user}/unread", func(w http.ResponseWriter, r *http.Request) {
		version := 1
		if r.PathValue("user") == "ends" {
			version = 7
		}
		_, _ = fmt.Fprintf(w, `{"version":%d}`, version)
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "belfry_stream_connections 2\nbelfry_stream_ends_total{reason=\"write\"} 1\nbelfry_else 3\n")
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	c, err := newCrowd(s.URL, false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.open(t.Context(), []string{"told", "ends", "silent"}); err != nil {
		t.Fatal(err)
	}
	close(end)
	eventually(t, func() bool { return c.ended() == 1 })
	var said strings.Builder
	r := crowdRun{name: "r", crowd: c, server: &member{name: "server", url: s.URL}, in: &installation{Config: Config{
		Partitions: 1, Print: func(format string, args ...any) { fmt.Fprintf(&said, format+"\n", args...) },
	}}}
	r.explainMissed(t.Context(), []missed{{1, c.held[1], 7}, {2, c.held[2], 7}})
	for _, want := range []string{
		"1 of 3 streams ended before their time, the first with: EOF",
		"2 streams lack a version: 1 ended, 1 are open; numbers 1 to 2; by partition 0: 2; by source address 0: 2",
		"0 never had one",
		"polls show the version to 1 of 2 of their users",
		`the server of 3 streams: belfry_stream_connections 2, belfry_stream_ends_total{reason="write"} 1`,
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("said\n%s\nwant %q in it", said.String(), want)
		}
	}
	said.Reset()
	c.held = c.held[:1]
	if r.explainMissed(t.Context(), nil); said.Len() > 0 {
		t.Errorf("said %q of streams of which none lacks any", said.String())
	}
	c.held = c.held[:3]
}
