package server

import (
	"net/http"
	"time"
)

// getUnread answers GET /v1/users/{user}/unread: the badge, or 304 to a client
// that has it.
func (s *Server) getUnread(w http.ResponseWriter, r *http.Request, c call) error {
	s.hintPoll(w)
	query, err := parseQuery(r)
	if err != nil {
		return err
	}
	seen := parseCondition(r)
	version, err := known(seen, query)
	if err != nil {
		return err
	}
	row, err := awaitRow(r.Context(), s.config.Rows, c.user, atLeast(version))
	if err != nil {
		return err
	}
	now := time.Now()
	if tag := etag(&row, now); seen.matches(tag) {
		notModified(w, tag)
		return nil
	}
	respondUnread(w, http.StatusOK, c.user, &row, now)
	return nil
}
