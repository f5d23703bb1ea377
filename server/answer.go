package server

import (
	"net/http"
	"runtime/debug"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry/server/wire"
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

// hintPoll says how many seconds to wait before asking again.
func (s *Server) hintPoll(w http.ResponseWriter) {
	w.Header().Set("X-Poll-Interval", wire.Seconds(s.load.Interval(s.config.PollInterval)))
}
