package server

import (
	"net/http"
	"time"

	"github.com/belfry/belfry/server/auth"
)

// limitBodies gives a client d to send its body, also where no handler reads
// it: net/http reads what is left before it sends the answer.
func limitBodies(next http.Handler, d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			// Not every writer has deadlines, recorders of tests for one.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d))
		}
		next.ServeHTTP(w, r)
	})
}

// admit has the Auth look at every request that comes in, if it wants to.
func (s *Server) Admit(next http.Handler) http.Handler {
	a, ok := s.config.Auth.(auth.Admitter)
	if !ok {
		return next
	}
	refuse := s.instrument("none", s.answer(func(_ http.ResponseWriter, r *http.Request) error { return a.Admit(r) }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.Admit(r) != nil {
			refuse.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
