package server

import (
	"net/http"
	"time"

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
	version, err := wire.KnownVersion(seen, query)
	if err != nil {
		return err
	}
	now := time.Now()
	badge, err := s.badges.Badge(c.User, now)
	if err != nil {
		return err
	}
	if badge.Cursor.Version < version {
		row, err := awaitRow(r.Context(), s.config.Rows, c.User, atLeast(version))
		if err != nil {
			return err
		}
		badge = row.Badge(time.Now())
	}
	if tag := wire.Tag(badge.Stamp); seen.Matches(tag) {
		wire.NotModified(w, tag)
		return nil
	}
	wire.RespondBadge(w, http.StatusOK, c.User, &badge)
	return nil
}
