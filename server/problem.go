package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach/door"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/broadcast"
	"github.com/belfry/belfry/server/limit"
	"github.com/belfry/belfry/server/ops"
	"github.com/belfry/belfry/server/outreach"
	"github.com/belfry/belfry/server/wire"
)

var (
	errMethod      = errors.New("the path does not have that method")
	errPath        = errors.New("there is no path as long as that")
	errQuery       = fmt.Errorf("the query must have at most %d parameters", maxParameters)
	errUnavailable = errors.New("the journal cannot be written at the moment; what was sent may or may not have been accepted, send it again with the same ids")
	errPanic       = errors.New("panic in a handler")
	errClosed      = errors.New("the capability is not open on this server")
	errHidden      = fmt.Errorf("an inbox holds at most %d snoozed and scheduled items: have some shown first", inbox.MaxHidden)
	errMutes       = fmt.Errorf("at most %d categories can be muted: unmute one first", inbox.MaxMutes)
)

// problem is an error answer (RFC 9457 section 3.1). Its type is always
// about:blank: the status says what it is, Field and Detail what to fix.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	Field  string `json:"field,omitempty"`
}

// kinds says which error is which status. The first that matches counts. The
// answer has the whole text of an error in a public kind, and of the others just
// the kind's.
func kinds() []kind {
	return []kind{
		{belfry.ErrTooLarge, http.StatusRequestEntityTooLarge, true},
		{belfry.ErrInvalid, http.StatusBadRequest, true},
		{inbox.ErrCursor, http.StatusBadRequest, true},
		{auth.ErrUnauthenticated, http.StatusUnauthorized, true},
		{auth.ErrForbidden, http.StatusForbidden, true},
		{wire.ErrNotFound, http.StatusNotFound, true},
		{errMethod, http.StatusMethodNotAllowed, true},
		{errPath, http.StatusRequestURITooLong, true},
		{errQuery, http.StatusRequestURITooLong, true},
		{wire.ErrMediaType, http.StatusUnsupportedMediaType, true},
		{errHidden, http.StatusConflict, true},
		{errMutes, http.StatusConflict, true},
		{broadcast.ErrTopics, http.StatusConflict, true},
		{broadcast.ErrOff, http.StatusConflict, true},
		{broadcast.ErrCrowded, http.StatusConflict, true},
		{broadcast.ErrScanning, http.StatusServiceUnavailable, true},
		{broadcast.ErrNoJournal, http.StatusServiceUnavailable, false},
		{broadcast.ErrPartly, http.StatusServiceUnavailable, false},
		{door.ErrPreferences, http.StatusConflict, true},
		{outreach.ErrNothing, http.StatusNotFound, true},
		{outreach.ErrReturned, http.StatusNotFound, true},
		{outreach.ErrNotYet, http.StatusServiceUnavailable, true},
		{outreach.ErrNoLink, http.StatusNotFound, true},
		{outreach.ErrNoKey, http.StatusNotImplemented, true},
		{outreach.ErrRegistrations, http.StatusTooManyRequests, true},
		{outreach.ErrLinks, http.StatusTooManyRequests, true},
		{errClosed, http.StatusNotImplemented, true},
		{auth.ErrMisdirected, http.StatusMisdirectedRequest, true},
		{errCrossSite, http.StatusForbidden, true},
		{limit.ErrWrites, http.StatusTooManyRequests, true},
		{limit.ErrLists, http.StatusTooManyRequests, true},
		{limit.ErrWork, http.StatusServiceUnavailable, true},
		{auth.ErrNoTickets, http.StatusNotImplemented, true},
		{auth.ErrKeys, http.StatusServiceUnavailable, true},
		{limit.ErrAnswers, http.StatusServiceUnavailable, true},
		{limit.ErrPolls, http.StatusTooManyRequests, true},
		{belfry.ErrNotReady, http.StatusServiceUnavailable, false},
		{errBehind, http.StatusServiceUnavailable, true},
		{errUnavailable, http.StatusServiceUnavailable, false},
		{ops.ErrNoLag, http.StatusServiceUnavailable, false},
		{ops.ErrNoPart, http.StatusServiceUnavailable, true},
		{ops.ErrBusy, http.StatusServiceUnavailable, true},
		{ops.ErrTopicsBusy, http.StatusServiceUnavailable, true},
		{ops.ErrNoTopic, http.StatusNotFound, true},
		{ops.ErrKafka, http.StatusServiceUnavailable, true},
		{context.Canceled, http.StatusServiceUnavailable, false},
		{context.DeadlineExceeded, http.StatusServiceUnavailable, false},
	}
}

type kind struct {
	err    error
	status int
	public bool
}

// retryAfter is the Retry-After of 503 answers, in seconds.
const retryAfter = "1"

// newProblem returns the answer to err. It reports true if the operator has to
// be told what was not told to the client.
func newProblem(err error) (problem, bool) {
	p := problem{Type: "about:blank", Status: http.StatusInternalServerError, Detail: "something went wrong on our side"}
	hidden := true
	for _, k := range kinds() {
		if !errors.Is(err, k.err) {
			continue
		}
		p.Status, p.Detail = k.status, k.err.Error()
		if k.public {
			p.Detail = err.Error()
		}
		// Not ready and gone clients are no news; each has its own metric.
		hidden = errors.Is(err, errUnavailable) || errors.Is(err, broadcast.ErrNoJournal)
		break
	}
	if fe, ok := errors.AsType[*belfry.FieldError](err); ok {
		p.Field = fe.Field
	}
	p.Title = http.StatusText(p.Status)
	return p, hidden
}

// fail answers with err. It must not be called once an answer has begun.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p, hidden := newProblem(err)
	if hidden {
		s.log.Error("request failed", "route", routeOf(r), "method", r.Method, "status", p.Status, "err", err)
	}
	h := w.Header()
	for _, name := range []string{"Etag", "Content-Length"} {
		h.Del(name)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	switch p.Status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", retryAfter)
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", challenge(r, `error="invalid_token"`))
		limit.CloseAfterMany(r, h)
	case http.StatusForbidden:
		if errors.Is(err, auth.ErrForbidden) {
			h.Set("WWW-Authenticate", challenge(r, `error="insufficient_scope"`))
		}
		limit.CloseAfterMany(r, h)
	case http.StatusTooManyRequests:
		if e, ok := errors.AsType[*limit.TooMany](err); ok {
			h.Set("Retry-After", wire.Seconds(e.After))
		}
		limit.CloseAfterMany(r, h)
	}
	w.WriteHeader(p.Status)
	wire.WriteJSON(w, p)
}

// challenge is the WWW-Authenticate header; a caller that sent no token is not told that
// it was wrong (RFC 6750 section 3.1).
func challenge(r *http.Request, reason string) string {
	if r.Header.Get("Authorization") == "" {
		return "Bearer"
	}
	return "Bearer " + reason
}
