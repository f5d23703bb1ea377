package server

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/servertest"
)

func withLog(w io.Writer) func(*Config) {
	return func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(w, nil)) }
}

func TestPanicIsAnAnswer(t *testing.T) {
	var log strings.Builder
	a := newAPI(t, withLog(&log), func(c *Config) {
		c.Pages = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/begun" {
				_, _ = io.WriteString(w, "half an ")
			}
			panic("the inside of things")
		})
	})
	got := a.get("/x").WantProblem(500, "")
	if strings.Contains(got.Body.String(), "inside") {
		t.Errorf("the answer tells of our insides: %s", got.Body)
	}
	if !strings.Contains(log.String(), "the inside of things") {
		t.Errorf("got log %q, want the cause", log.String())
	}
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("got panic %v, want the connection aborted: half an answer is none", v)
		}
	}()
	a.get("/begun")
}

func TestUnknownErrorIsHidden(t *testing.T) {
	var log strings.Builder
	a := newAPI(t, withLog(&log))
	w := httptest.NewRecorder()
	a.fail(w, httptest.NewRequest("GET", "/", nil), io.ErrUnexpectedEOF)
	servertest.Reply{T: t, ResponseRecorder: w}.WantProblem(500, "")
	if strings.Contains(w.Body.String(), "EOF") || !strings.Contains(log.String(), "EOF") {
		t.Errorf("got body %q and log %q, want the cause in the log alone", w.Body, log.String())
	}
}
