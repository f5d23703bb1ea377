package server

import (
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/limit"
	"github.com/belfry/belfry/server/wire"
)

// polls answers the commonest request of all on a way of its own: a poll by a
// client that has the badge already. It does what the route of the badge does
// for such a request, in less time, and leaves every other request, those that
// are to be refused too, to the router. Every answer of it is one that the route would have
// answered so; TestShortcut holds that.
type polls struct {
	server   *Server
	answered map[string]prometheus.Counter // 304, of all requests, by method
	polls    prometheus.Counter            // 304, of all polls
	duration prometheus.Observer

	// Values of headers, which nobody may change.
	cacheControl, noSniff []string
}

func newPolls(s *Server) *polls {
	return &polls{
		server: s,
		answered: map[string]prometheus.Counter{
			http.MethodGet:  s.metrics.requests.WithLabelValues(pollRoute, http.MethodGet, "304"),
			http.MethodHead: s.metrics.requests.WithLabelValues(pollRoute, http.MethodHead, "304"),
		},
		polls:        s.metrics.polls.WithLabelValues("304"),
		duration:     s.metrics.duration.WithLabelValues(pollRoute),
		cacheControl: []string{wire.CachePrivate},
		noSniff:      []string{wire.NoSniff},
	}
}

// before answers the polls that it can, and has next answer the rest.
func (p *polls) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.answer(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

func (p *polls) answer(w http.ResponseWriter, r *http.Request) bool {
	answered := p.answered[r.Method]
	user, ok := polledUser(r)
	// One tag is all that a client which polls has to say.
	seen := r.Header["If-None-Match"]
	if answered == nil || !ok || len(seen) != 1 {
		return false
	}
	start := time.Now()
	s := p.server
	id, err := s.guard.Identify(r)
	if err != nil || auth.Owner(auth.Call{Identity: id, User: user}) != nil || belfry.CheckRecipient(user) != nil {
		return false
	}
	stamp, err := s.config.Rows.Stamp(user, start)
	if err != nil {
		return false
	}
	tag := wire.Tag(stamp)
	if strings.TrimPrefix(seen[0], "W/") != tag {
		return false
	}
	interval := s.load.Interval(s.config.PollInterval)
	if s.limitPoll(user, id, interval, start) > 0 {
		return false // the route refuses it, and says how
	}
	// A connection keeps the deadline of the request before.
	wire.AllowWrites(w, s.config.Limits.Request)
	h := w.Header()
	h["Etag"] = []string{tag}
	h["Cache-Control"] = p.cacheControl
	h["X-Content-Type-Options"] = p.noSniff
	h["X-Poll-Interval"] = []string{wire.Seconds(interval)}
	w.WriteHeader(http.StatusNotModified)
	limit.Answered(r.Context())
	p.duration.Observe(time.Since(start).Seconds())
	answered.Inc()
	p.polls.Inc()
	return true
}

// limitPoll counts a poll of a user's badge and returns 0, or how long its
// client has to wait. A caller that may ask for anybody's is a service that knows what it
// does: it is not held to the rule, and takes none of the user's polls away.
func (s *Server) limitPoll(user string, id auth.Identity, interval time.Duration, now time.Time) time.Duration {
	if id.All || id.Has(auth.ScopeAdmin) {
		return 0
	}
	return s.pollLimit.Take(user, interval, now)
}

// polledUser returns whose badge r asks for, if it does and asks for nothing
// more.
func polledUser(r *http.Request) (user string, ok bool) {
	// With a raw path some of it is encoded as only the router knows to read.
	if r.URL.RawQuery != "" || r.URL.RawPath != "" {
		return "", false
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/v1/users/")
	if !ok {
		return "", false
	}
	user, ok = strings.CutSuffix(rest, "/unread")
	return user, ok && !strings.Contains(user, "/")
}
