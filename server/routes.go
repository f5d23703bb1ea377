package server

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/limit"
	"github.com/belfry/belfry/server/wire"
)

// handler answers a call. The error that it returns becomes the answer, unless it has
// written one.
type handler func(w http.ResponseWriter, r *http.Request, c auth.Call) error

// userPath begins every path about one user. An empty user is matched too, so
// that it is told what is wrong rather than that there is no such page.
const userPath = "/v1/users/{user:[^/]*}"

// maxPath is longer than any path but that of a link: of a topic of a user, each character
// percent-encoded.
const maxPath = 1280

// noRoute is what metrics and logs call what has no route.
const noRoute = "none"

const actionPath = userPath + "/inbox/{action:seen|read|unread|archive|unarchive|delete}"

// routes is the one list of what there is and who may call it.
func (s *Server) routes(m *mux.Router) {
	// A user may have an encoded '/' or be called "..": neither may be read as
	// a path, both are refused by name.
	m.UseEncodedPath().SkipClean(true)

	s.get(m, userPath+"/unread", auth.Owner, s.getUnread)
	s.get(m, userPath+"/inbox", auth.Owner, s.listed(1, s.getInbox))
	s.post(m, actionPath, auth.Owner, s.postAction)
	s.post(m, userPath+"/inbox/snooze", auth.Owner, s.opened(inbox.FeatureTime, s.postSnooze))
	s.post(m, userPath+"/inbox/unsnooze", auth.Owner, s.opened(inbox.FeatureTime, s.postUnsnooze))
	s.get(m, userPath+"/inbox/mute", auth.Owner, s.getMutes)
	s.post(m, userPath+"/inbox/mute", auth.Owner, s.opened(inbox.FeatureTime, s.postMute))
	s.post(m, userPath+"/inbox/unmute", auth.Owner, s.opened(inbox.FeatureTime, s.postUnmute))
	s.get(m, userPath+"/export", auth.Owner, s.listed(exportCost, s.getExport))
	s.handle(m, http.MethodDelete, userPath, auth.Scoped(auth.ScopeAdmin), s.deleteUser)
	s.stream(m, userPath+"/stream", s.guard.AuthorizeStream, s.serveStream)
	s.handle(m, http.MethodPost, userPath+"/tickets", auth.Owner, s.postTicket)

	s.reachRoutes(m)
	s.broadcastRoutes(m)

	s.get(m, "/v1/unread", auth.Scoped(auth.ScopeNotify), s.listed(1, s.getUnreads))
	sender := auth.Any(auth.Scoped(auth.ScopeNotify), auth.Scoped(auth.ScopeBroadcast)) // by what it sends
	s.post(m, "/v1/notifications", sender, s.postNotifications)
	s.post(m, "/v1/retractions", sender, s.postRetractions)
	s.get(m, "/v1/lag", auth.Scoped(auth.ScopeOps), s.ops.Lag)

	const base = "/v1/ops"
	operator, admin := auth.Scoped(auth.ScopeOps), auth.Scoped(auth.ScopeAdmin)
	s.get(m, base+"/overview", operator, s.ops.Overview)
	s.stream(m, base+"/stream", func(r *http.Request, admit func(auth.Identity) error) (auth.Call, error) {
		return s.guard.AuthorizeAdmitted(r, operator, admit)
	}, s.serveOverviews)
	s.get(m, base+"/users/{user:[^/]*}", admin, s.listed(1, s.ops.Lookup))
	s.get(m, base+"/users/{user:[^/]*}/journal", admin, s.listed(exportCost, s.ops.Journal))
	s.get(m, base+"/topics", operator, s.ops.ListTopics)
	s.get(m, base+"/topics/{topic:[^/]*}/records", admin, s.listed(exportCost, s.ops.NewestRecords))
	s.get(m, base+"/broadcasts", operator, s.listed(1, s.broadcasts.GetOverview))
	s.get(m, base+"/dead-letters", admin, s.listed(exportCost, s.ops.List))
	s.get(m, base+"/dead-letters/{partition:[0-9]+}/{offset:[0-9]+}", admin, s.ops.Show)
	s.post(m, base+"/dead-letters/replay", admin, s.ops.Replay)

	s.health(m)
	if s.config.MetricsOnAPI {
		s.metricsRoutes(m, auth.Scoped(auth.ScopeOps))
	}
	if s.config.Pages != nil {
		m.NewRoute().MatcherFunc(isPage).Methods(http.MethodGet, http.MethodHead, http.MethodPost).
			Handler(s.instrument("pages", s.config.Pages))
	}
	s.misses(m)
}

// reachRoutes are those about users who do not look.
func (s *Server) reachRoutes(m *mux.Router) {
	o := s.outreach
	opened := func(h handler) handler { return s.opened(inbox.FeatureReach, h) }
	s.get(m, userPath+"/preferences", auth.Owner, opened(o.GetPreferences))
	s.body(m, http.MethodPatch, userPath+"/preferences", auth.Owner, opened(o.PatchPreferences))
	s.get(m, userPath+"/push-subscriptions", auth.Owner, opened(o.GetSubscriptions))
	s.body(m, http.MethodPut, userPath+"/push-subscriptions", auth.Owner, opened(o.PutSubscription))
	s.body(m, http.MethodDelete, userPath+"/push-subscriptions", auth.Owner, opened(o.DeleteSubscription))
	s.body(m, http.MethodPut, userPath+"/addresses/{kind:[^/]*}", auth.Scoped(auth.ScopeNotify), opened(o.PutAddress))
	s.body(m, http.MethodDelete, userPath+"/addresses/{kind:[^/]*}", auth.Scoped(auth.ScopeNotify), opened(o.DeleteAddress))
	s.get(m, userPath+"/decisions/{channel:[^/]*}/{version:[^/]*}", auth.Scoped(auth.ScopeDeliver), opened(o.GetDecision))
	s.body(m, http.MethodPost, "/v1/bounces", auth.Scoped(auth.ScopeDeliver), opened(o.PostBounce))
	s.get(m, "/v1/push-key", auth.Open, opened(o.GetPushKey))
	s.get(m, links.Path+"{token:[^/]*}", auth.Open, opened(o.GetLink))
	s.handle(m, http.MethodPost, links.Path+"{token:[^/]*}", auth.Open, opened(o.PostLink))
}

// broadcastRoutes are those about what is for everybody or for a topic.
func (s *Server) broadcastRoutes(m *mux.Router) {
	b := s.broadcasts
	opened := func(h handler) handler { return s.opened(inbox.FeatureBroadcast, h) }
	service := auth.Scoped(auth.ScopeNotify)
	s.handle(m, http.MethodPut, userPath, service, opened(b.PutUser))
	s.get(m, userPath+"/topics", auth.Any(service, auth.Owner), opened(b.GetTopics))
	s.handle(m, http.MethodPut, userPath+"/topics/{topic:[^/]*}", auth.Any(service, auth.Owner), opened(b.PutTopic))
	s.handle(m, http.MethodDelete, userPath+"/topics/{topic:[^/]*}", auth.Any(service, auth.Owner), opened(b.DeleteTopic))
	s.get(m, "/v1/broadcasts", auth.Scoped(auth.ScopeBroadcast), opened(s.listed(1, b.GetBroadcasts)))
}

// opsRoutes is what the address for operators has.
func (s *Server) opsRoutes(m *mux.Router) {
	s.metricsRoutes(m, auth.Open)
	s.health(m)
	s.misses(m)
}

func (s *Server) health(m *mux.Router) {
	s.get(m, "/healthz", auth.Open, s.getHealth)
	s.get(m, "/readyz", auth.Open, s.getReady)
}

func (s *Server) metricsRoutes(m *mux.Router, who auth.Policy) {
	own := promhttp.HandlerFor(s.config.Registry, promhttp.HandlerOpts{})
	s.get(m, "/metrics", who, serve(own))
	if s.config.LagMetrics != nil {
		s.get(m, "/metrics/lag", who, serve(s.config.LagMetrics))
	}
}

// misses answers what no route takes. The router asks either handler: one that has found
// the path with another method forgets that at the next route that looks alike.
func (s *Server) misses(m *mux.Router) {
	m.NotFoundHandler = s.missed(func(w http.ResponseWriter, r *http.Request) error {
		methods := allowed(m, r)
		if len(methods) == 0 {
			return wire.ErrNotFound
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		return errMethod
	})
	m.MethodNotAllowedHandler = m.NotFoundHandler
}

// missed makes a handler of one that refuses what there is not. All routes are tried for
// that, so it counts as a refusal that its client could know of.
func (s *Server) missed(refuse func(http.ResponseWriter, *http.Request) error) http.Handler {
	return s.instrument(noRoute, s.answer(func(w http.ResponseWriter, r *http.Request) error {
		limit.CloseAfterMany(r, w.Header())
		return refuse(w, r)
	}))
}

// limitPaths refuses a path that is longer than any there is, before routes are looked
// for: each of them is an expression that reads all of it. It does the same to a query of
// more parameters than any call has.
func (s *Server) limitPaths(next http.Handler) http.Handler {
	refuse := func(why error) http.Handler {
		return s.missed(func(http.ResponseWriter, *http.Request) error { return why })
	}
	long, many := refuse(errPath), refuse(errQuery)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most := maxPath
		if strings.HasPrefix(r.URL.Path, links.Path) {
			most = len(links.Path) + links.MaxToken
		}
		switch {
		case max(len(r.URL.Path), len(r.URL.RawPath)) > most:
			long.ServeHTTP(w, r)
		case strings.Count(r.URL.RawQuery, "&") >= maxParameters:
			many.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// maxParameters are more than any call has: that of badges names a hundred users.
const maxParameters = 128

func (s *Server) get(m *mux.Router, path string, who auth.Policy, h handler) {
	s.handle(m, http.MethodGet, path, who, h)
}

func (s *Server) post(m *mux.Router, path string, who auth.Policy, h handler) {
	s.body(m, http.MethodPost, path, who, h)
}

// body registers a call with a body, which must be JSON: a form of another
// site's page can send other types without asking (CORS), but not that one.
func (s *Server) body(m *mux.Router, method, path string, who auth.Policy, h handler) {
	s.handle(m, method, path, who, func(w http.ResponseWriter, r *http.Request, c auth.Call) error {
		if err := wire.CheckMediaType(r); err != nil {
			return err
		}
		return h(w, r, c)
	})
}

// handle registers a call. On its way it passes, in this order: metrics, the
// recovery from panics, the mapping of errors to answers, its policy, the write
// limiter, traces.
func (s *Server) handle(m *mux.Router, method, path string, who auth.Policy, h handler) {
	methods := []string{method}
	if method == http.MethodGet {
		methods = append(methods, http.MethodHead)
	}
	name := routeName(path)
	h = s.traced(method, name, h)
	register(m, path, s.instrument(name, s.answer(func(w http.ResponseWriter, r *http.Request) error {
		// Of a stream that was reset at once (CVE-2023-44487) nobody waits for the answer.
		if err := r.Context().Err(); err != nil {
			return err
		}
		c, err := s.guard.Authorize(r, who)
		if err == nil && method != http.MethodGet {
			err = s.writes.Take(c.Identity.Subject, isService(c.Identity), 1, time.Now())
		}
		answer := responseOf(w)
		if err == nil {
			err = answer.countFor(c.Identity.Subject)
		}
		if err == nil {
			err = h(w, r, c)
		}
		if errors.Is(err, limit.ErrAnswers) {
			answer.refuse()
			return nil
		}
		return err
	}))).Methods(methods...)
}

// exportCost is how many lists an export counts as, which has all of an inbox, and what
// reads a topic: a page of dead letters, a user's journal, the newest records.
const exportCost = 10

// listed counts the calls of a handler as so many lists each.
func (s *Server) listed(cost int, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request, c auth.Call) error {
		if err := s.lists.Take(c.Identity.Subject, isService(c.Identity), cost, time.Now()); err != nil {
			return err
		}
		return h(w, r, c)
	}
}

// opened answers 501 where a capability is closed.
func (s *Server) opened(f inbox.Features, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request, c auth.Call) error {
		if err := s.open(f); err != nil {
			return err
		}
		return h(w, r, c)
	}
}

// open returns an error unless the capability is open.
func (s *Server) open(f inbox.Features) error {
	if !s.config.Features.Has(f) {
		return fmt.Errorf("%w: it runs without --features %s", errClosed, f)
	}
	return nil
}

// stream registers a stream. An expired token, a ticket that is expired or used, and
// one stream too many get one that says bye: any other status would end a browser's
// EventSource for good.
func (s *Server) stream(m *mux.Router, path string, authorize func(r *http.Request, admit func(auth.Identity) error) (auth.Call, error), serve func(http.ResponseWriter, *http.Request, auth.Call)) {
	answer := s.answer(func(w http.ResponseWriter, r *http.Request) error {
		c, err := authorize(r, func(id auth.Identity) error {
			return s.openings.Take(id.Subject, isService(id), 1, time.Now())
		})
		if errors.Is(err, limit.ErrOpening) {
			limit.CloseAfterMany(r, w.Header())
			s.streams.Refuse(w, wire.ByeLimit)
			return nil
		}
		if err != nil && !auth.IsExpired(err) {
			return err
		}
		limit.Answered(r.Context())
		defer limit.Idle(r.Context())()
		serve(w, r, c)
		return nil
	})
	// It lasts for hours and writes with deadlines of its own: how long it took
	// and how many there are says nothing about requests.
	register(m, path, s.recovered(answer)).Methods(http.MethodGet)
}

func (s *Server) serveStream(w http.ResponseWriter, r *http.Request, c auth.Call) {
	s.streams.Serve(w, r, c.User, limit.Household(s.clientAddress(r)), c.Identity.Lease())
}

func (s *Server) serveOverviews(w http.ResponseWriter, r *http.Request, c auth.Call) {
	s.ops.Stream(w, r, c.Identity.Lease())
}

// serve makes a handler of one that knows nothing of ours.
func serve(h http.Handler) handler {
	return func(w http.ResponseWriter, r *http.Request, _ auth.Call) error {
		h.ServeHTTP(w, r)
		return nil
	}
}

// pathPattern is a variable of a path with its pattern.
var pathPattern = regexp.MustCompile(`{(\w+):[^}]*}`)

// register has h answer at path. A path without the fixed parts, or of another depth, is no
// match, which costs little: the router's expressions read all of a path, and there is one
// for each route.
func register(m *mux.Router, path string, h http.Handler) *mux.Route {
	fixed := pathPattern.Split(path, -1)
	depth := strings.Count(strings.Join(fixed, ""), "/")
	return m.NewRoute().MatcherFunc(func(r *http.Request, _ *mux.RouteMatch) bool {
		// With a RawPath some of what are slashes here are none there.
		return hasParts(r.URL.Path, fixed) && (r.URL.RawPath != "" || strings.Count(r.URL.Path, "/") == depth)
	}).Path(path).Handler(h)
}

// hasParts reports whether path begins with the first of parts, ends with the last one,
// and has the others in between, in their order.
func hasParts(path string, parts []string) bool {
	last := len(parts) - 1
	path, ok := strings.CutPrefix(path, parts[0])
	if last == 0 {
		return ok && path == ""
	}
	for _, part := range parts[1:last] {
		if !ok {
			return false
		}
		_, path, ok = strings.Cut(path, part)
	}
	return ok && strings.HasSuffix(path, parts[last])
}

// routeName is the path as a metric's label: without patterns.
func routeName(path string) string {
	return pathPattern.ReplaceAllString(path, "{$1}")
}

// isPage keeps the pages from answering for calls that do not exist.
func isPage(r *http.Request, _ *mux.RouteMatch) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return !slices.Contains([]string{"v1", "metrics", "healthz", "readyz"}, first)
}

// allowed returns the methods that the path of r has (RFC 9110 section 10.2.1).
func allowed(m *mux.Router, r *http.Request) []string {
	probe := *r
	probe.Method = "" // which no route has
	var all []string
	_ = m.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		var match mux.RouteMatch
		if route.Match(&probe, &match); errors.Is(match.MatchErr, mux.ErrMethodMismatch) {
			methods, _ := route.GetMethods() // one that says so has some
			all = append(all, methods...)
		}
		return nil
	})
	return slices.DeleteFunc([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, func(method string) bool {
		return !slices.Contains(all, method)
	})
}
