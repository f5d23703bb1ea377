package server

import (
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
	"github.com/gorilla/mux"
)

// middleware returns what every request passes on its way to the router api, in
// this order. [Server.handle] has what a call passes behind the router.
func (s *Server) middleware(api http.Handler) (http.Handler, error) {
	checkOrigin, err := s.crossOrigin()
	if err != nil {
		return nil, err
	}
	chain := []func(next http.Handler) http.Handler{
		s.paced,            // requests of one address come a few at a time
		s.limitPaths,       // before they are looked for
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

// paced has the requests of one address begin a few at a time.
func (s *Server) paced(next http.Handler) http.Handler {
	return s.turns.Paced(s.clientAddress, next)
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
	refuse := s.instrument(noRoute, s.answer(func(_ http.ResponseWriter, r *http.Request) error { return a.Admit(r) }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.Admit(r) != nil {
			refuse.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

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

// recorder remembers whether an answer has begun.
type recorder struct {
	http.ResponseWriter
	status int // 0 until then
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// routeOf returns the route of r as logs and metrics name it: the user in the
// path stays out of both.
func routeOf(r *http.Request) string {
	if route := mux.CurrentRoute(r); route != nil {
		if path, err := route.GetPathTemplate(); err == nil {
			return routeName(path)
		}
	}
	return noRoute
}

// hintPoll says how many seconds to wait before asking again.
func (s *Server) hintPoll(w http.ResponseWriter) {
	w.Header().Set("X-Poll-Interval", wire.Seconds(s.load.Interval(s.config.PollInterval)))
}
