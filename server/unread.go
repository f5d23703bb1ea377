package server

import (
	"net/http"
	"time"
)

// getUnread answers GET /v1/users/{user}/unread: the badge, or 304 to a client
// that has it. Most that have it are answered before ([polls]).
func (s *Server) getUnread(w http.ResponseWriter, r *http.Request, c call) error {
	s.hintPoll(w)
	if err := s.refusePoll(c); err != nil {
		return err
	}
	query, err := parseQuery(r)
	if err != nil {
		return err
	}
	seen := parseCondition(r)
	version, err := known(seen, query)
	if err != nil {
		return err
	}
	now := time.Now()
	badge, err := s.badges.Badge(c.user, now)
	if err != nil {
		return err
	}
	if badge.Cursor.Version < version {
		row, err := awaitRow(r.Context(), s.config.Rows, c.user, atLeast(version))
		if err != nil {
			return err
		}
		badge = row.Badge(time.Now())
	}
	if tag := stampTag(badge.Stamp); seen.matches(tag) {
		notModified(w, tag)
		return nil
	}
	respondBadge(w, http.StatusOK, c.user, &badge)
	return nil
}
