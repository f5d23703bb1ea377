package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/server/auth"
)

// The headers that a page of another origin may send and see, besides those that
// every page may
// (Fetch standard, sections 3.2.3 and 3.2.4). There are no credentials in the
// sense of CORS: a token is a header that the page itself sets.
const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsHeaders = "Authorization, Content-Type, If-None-Match, Last-Event-ID, Idempotency-Key, " +
		"ce-specversion, ce-id, ce-source, ce-type, ce-subject, ce-time, ce-dataschema"
	corsExposed = "ETag, X-Poll-Interval, Retry-After"
	corsMaxAge  = "7200" // seconds; the most that Chromium takes
)

var errCrossSite = errors.New("a page of another site may not do this: its origin is none of those that are allowed here")

// CheckOrigin returns nil for an origin as browsers send it (RFC 6454 section
// 6.1): http or https, host and perhaps a port that is not the scheme's own, all
// in lower case. There is no wildcard: who may act for a user is named.
func CheckOrigin(origin string) error {
	if strings.Contains(origin, "*") {
		return errors.New("there is no wildcard: name each origin whose pages may call the API")
	}
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil ||
		origin != strings.ToLower(u.Scheme+"://"+u.Host) || u.Port() == "" && strings.HasSuffix(u.Host, ":") {
		return fmt.Errorf("must be an origin such as https://intranet.example, in lower case and without a path, not %.80q", origin)
	}
	if u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80" {
		return fmt.Errorf("browsers leave the port of %.80q away: so must the origin", origin)
	}
	return nil
}

// crossOrigin answers preflights, lets pages of the allowed origins see the
// answers, and refuses calls that write from pages of all others, by
// Sec-Fetch-Site or, for old browsers, Origin. Programs that are no browsers
// send neither.
func (s *Server) crossOrigin() (func(next http.Handler) http.Handler, error) {
	allowed := map[string]bool{}
	protection := http.NewCrossOriginProtection()
	for _, origin := range s.config.CORSOrigins {
		if err := CheckOrigin(origin); err != nil {
			return nil, fmt.Errorf("server: CORS origin: %w", err)
		}
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("server: CORS origin: %w", err)
		}
		allowed[origin] = true
	}
	// A link is all that its call needs: it is sent from mails and from workers of other
	// origins.
	protection.AddInsecureBypassPattern("POST " + links.Path)
	refuse := s.instrument(noRoute, s.answer(func(http.ResponseWriter, *http.Request) error { return errCrossSite }))
	preflight := s.instrument("preflight", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Methods", corsMethods)
		h.Set("Access-Control-Allow-Headers", corsHeaders)
		h.Set("Access-Control-Max-Age", corsMaxAge)
		w.WriteHeader(http.StatusNoContent)
	}))
	// Without authentication whoever reaches the server is on this machine, and so are
	// the pages that a front-end engineer serves there.
	_, local := s.config.Auth.(auth.Admitter)
	allows := func(origin string) bool { return allowed[origin] || local && auth.LoopbackOrigin(origin) }
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			origin := r.Header.Get("Origin")
			if local || len(allowed) > 0 {
				// Whether or not there is an origin: caches must know.
				w.Header().Add("Vary", "Origin")
			}
			if allows(origin) {
				h := w.Header()
				h.Set("Access-Control-Allow-Origin", origin)
				h.Set("Access-Control-Expose-Headers", corsExposed)
				if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
					preflight.ServeHTTP(w, r)
					return
				}
			}
			if !allows(origin) && protection.Check(r) != nil {
				refuse.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}, nil
}
