package webpush

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/belfry/belfry"
)

// ErrForbidden is matched by errors about an endpoint that is never sent to.
var ErrForbidden = errors.New("not sent to")

// KnownHosts are the push services of the browsers in use: Chrome, Edge and all that
// are built on Chromium, Firefox, Edge on Windows, Safari.
func KnownHosts() []string {
	return []string{"fcm.googleapis.com", "*.push.services.mozilla.com", "*.notify.windows.com", "*.push.apple.com"}
}

// Hosts says which push services may be sent to. It is not modified and safe for
// concurrent use.
type Hosts struct{ allowed []allowed }

type allowed struct {
	scheme string
	host   string // in lower case; "*.x" is every name below x
	port   string
}

var hostPattern = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$`)

// NewHosts returns the known push services and more: "push.example.com",
// "*.push.example.com" for all names below it, either with ":8443" for a port other
// than 443. "http://127.0.0.1:8090", a loopback address with its port, is for tests.
// The error is a [*belfry.FieldError] without a field.
func NewHosts(more ...string) (*Hosts, error) {
	h := &Hosts{}
	for _, text := range slices.Concat(KnownHosts(), more) {
		a, err := parseAllowed(strings.ToLower(strings.TrimSpace(text)))
		if err != nil {
			return nil, err
		}
		h.allowed = append(h.allowed, a)
	}
	return h, nil
}

func parseAllowed(text string) (allowed, error) {
	if local, ok := strings.CutPrefix(text, "http://"); ok {
		if at, err := netip.ParseAddrPort(local); err != nil || !at.Addr().IsLoopback() || at.Port() == 0 {
			return allowed{}, belfry.Invalid("", "%.80q is not a loopback address with its port; http is for tests on this machine, such as http://127.0.0.1:8090", text)
		}
		host, port, _ := net.SplitHostPort(local)
		return allowed{"http", host, port}, nil
	}
	host, port := text, "443"
	if i := strings.LastIndexByte(text, ':'); i >= 0 {
		host, port = text[:i], text[i+1:]
		if n, err := net.LookupPort("tcp", port); err != nil || n == 0 || port[0] < '0' || port[0] > '9' {
			return allowed{}, belfry.Invalid("", "%.80q must be a host name, perhaps with *. before it and :port after it", text)
		}
	}
	if len(host) > 253 || !hostPattern.MatchString(host) {
		return allowed{}, belfry.Invalid("", "%.80q must be a host name, perhaps with *. before it and :port after it", text)
	}
	return allowed{"https", host, port}, nil
}

// Check returns a [*belfry.FieldError] for the field endpoint, which matches
// [ErrForbidden] too, if the subscription's endpoint is not one of an allowed service.
// It names the host and nothing else of the endpoint.
func (h *Hosts) Check(s *Subscription) error {
	if h.find(s.url) == nil {
		return &forbiddenError{belfry.FieldError{Field: "endpoint", Problem: fmt.Sprintf("%.253s is no push service that is sent to; an operator allows one by --push-hosts", origin(s.url))}}
	}
	return nil
}

// Names returns of an endpoint its origin, and the name by which its service is allowed:
// "other" if it is not. Neither is a secret.
func (h *Hosts) Names(endpoint string) (of, service string) {
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return "", "other"
	}
	a := h.find(u)
	if a == nil {
		return origin(u), "other"
	}
	return origin(u), a.host
}

// forbiddenError is a FieldError that matches ErrForbidden.
type forbiddenError struct{ belfry.FieldError }

func (e *forbiddenError) Unwrap() []error { return []error{&e.FieldError, ErrForbidden} }

func (h *Hosts) find(u *url.URL) *allowed {
	host, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	if port == "" && u.Scheme == "https" {
		port = "443"
	}
	for i := range h.allowed {
		a := &h.allowed[i]
		below, wild := strings.CutPrefix(a.host, "*")
		named := host == a.host || wild && strings.HasSuffix(host, below) && len(host) > len(below)
		if named && port == a.port && u.Scheme == a.scheme {
			return a
		}
	}
	return nil
}
