package server

import (
	"net/http"
	"runtime/debug"
	"time"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry/inbox"
)

// answer makes a handler of one that returns its error.
func (s *Server) answer(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// recovered answers 500 for a panic in next, or breaks the connection if the
// answer has begun: half an answer must not look like a whole one.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w}
		defer func() {
			v := recover()
			switch {
			case v == nil:
				return
			case v == http.ErrAbortHandler:
				panic(v)
			}
			s.log.Error("panic in a handler", "route", routeOf(r), "value", v, "stack", string(debug.Stack()))
			if rec.status != 0 {
				panic(http.ErrAbortHandler)
			}
			s.fail(rec, r, errPanic)
		}()
		next.ServeHTTP(rec, r)
	})
}

// routeOf returns the route of r as logs and metrics name it: who is in the
// path stays out of both.
func routeOf(r *http.Request) string {
	if route := mux.CurrentRoute(r); route != nil {
		if path, err := route.GetPathTemplate(); err == nil {
			return routeName(path)
		}
	}
	return "none"
}

// begin sets what all JSON answers have in common. Badges and inboxes are for
// one reader, who must ask each time whether they are still true.
func begin(w http.ResponseWriter, contentType string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", cachePrivate)
	h.Set("X-Content-Type-Options", noSniff)
}

// Values of headers.
const (
	cachePrivate = "private, no-cache"
	noSniff      = "nosniff"
)

// respond writes a whole JSON answer.
func respond(w http.ResponseWriter, status int, v any) {
	begin(w, "application/json")
	w.WriteHeader(status)
	writeJSON(w, v)
}

// respondUnread writes a user's badge.
func respondUnread(w http.ResponseWriter, status int, user string, row *inbox.State, now time.Time) {
	badge := row.Badge(now)
	respondBadge(w, status, user, &badge)
}

func respondBadge(w http.ResponseWriter, status int, user string, badge *inbox.Badge) {
	w.Header().Set("ETag", stampTag(badge.Stamp))
	respond(w, status, newBadgeBody(user, badge))
}

// notModified writes the answer to a client that has the representation of tag.
func notModified(w http.ResponseWriter, tag string) {
	begin(w, "application/json")
	// RFC 9110 section 15.4.5: no header that describes a body.
	w.Header().Del("Content-Type")
	w.Header().Set("ETag", tag)
	w.WriteHeader(http.StatusNotModified)
}

// hintPoll says how many seconds to wait before asking again.
func (s *Server) hintPoll(w http.ResponseWriter) {
	w.Header().Set("X-Poll-Interval", seconds(s.load.interval(s.config.PollInterval)))
}
