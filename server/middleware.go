package server

import (
	"net/http"
	"slices"
	"time"

	"github.com/belfry/belfry/server/auth"
)

// middleware returns what every request passes on its way to the router api, in
// this order. [Server.handle] has what a call passes behind the router.
func (s *Server) middleware(api http.Handler) (http.Handler, error) {
	checkOrigin, err := s.crossOrigin()
	if err != nil {
		return nil, err
	}
	chain := []func(next http.Handler) http.Handler{
		s.admit,            // without authentication: loopback names only
		checkOrigin,        // preflights, and pages of other sites
		newPolls(s).before, // answers a poll that finds nothing new
		s.limitBodies,      // a body has its time
	}
	for _, wrap := range slices.Backward(chain) {
		api = wrap(api)
	}
	return api, nil
}

// limitBodies gives a client Limits.Request to send its body, also where no
// handler reads it: net/http reads what is left before it sends the answer.
func (s *Server) limitBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			// Not every writer has deadlines, recorders of tests for one.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.config.Limits.Request))
		}
		next.ServeHTTP(w, r)
	})
}

// admit has the Authenticator look at every request that comes in, if it wants to.
func (s *Server) admit(next http.Handler) http.Handler {
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
