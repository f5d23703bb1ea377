package server

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/limit"
	"github.com/belfry/belfry/server/wire"
)

// getUnread answers GET /v1/users/{user}/unread: the badge, or 304 to a client
// that has it. Most that have it are answered before ([polls]).
func (s *Server) getUnread(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	s.hintPoll(w)
	interval := s.load.Interval(s.config.PollInterval)
	if wait := s.limitPoll(c.User, c.Identity, interval, time.Now()); wait > 0 {
		return &limit.TooMany{Of: limit.ErrPolls, After: wait}
	}
	query, err := wire.ParseQuery(r)
	if err != nil {
		return err
	}
	seen := wire.ParseCondition(r)
	version, err := s.logs.known(r.Context(), c.User, seen, query)
	if err != nil {
		return err
	}
	now := time.Now()
	badge, err := s.config.Rows.Badge(c.User, now)
	if err != nil {
		return err
	}
	if badge.Cursor.Version < version {
		row, err := s.awaitRow(r.Context(), c.User, atLeast(version))
		if err != nil {
			return err
		}
		badge = row.Badge(time.Now())
	}
	if tag := wire.Tag(badge.Stamp); seen.Matches(tag) {
		wire.NotModified(w, tag)
		return nil
	}
	wire.RespondBadge(w, http.StatusOK, c.User, badge)
	return nil
}

// maxBatch is how many badges one call may ask for.
const maxBatch = 100

// getUnreads answers GET /v1/unread?user=a&user=b: the badges in the order
// asked for.
func (s *Server) getUnreads(w http.ResponseWriter, r *http.Request, _ auth.Call) error {
	s.hintPoll(w)
	query, err := wire.ParseQuery(r, "user")
	if err != nil {
		return err
	}
	users := query["user"]
	if len(users) == 0 || len(users) > maxBatch {
		return belfry.Invalid("user", "must be given 1 to %d times, is %d times", maxBatch, len(users))
	}
	for i, user := range users {
		if fe, ok := errors.AsType[*belfry.FieldError](belfry.CheckRecipient(user)); ok {
			return belfry.Invalid(fmt.Sprintf("user[%d]", i), "%s", fe.Problem)
		}
	}
	body := struct {
		Users []wire.Badge `json:"users"`
	}{make([]wire.Badge, 0, len(users))}
	now := time.Now()
	for _, user := range users {
		badge, err := s.config.Rows.Badge(user, now)
		if err != nil {
			return err
		}
		body.Users = append(body.Users, wire.NewBadge(user, badge))
	}
	wire.Respond(w, http.StatusOK, body)
	return nil
}
