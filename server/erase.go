package server

import (
	"net/http"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
)

// deleteUser answers DELETE /v1/users/{user}. It is 202 in any case: the badge
// in the answer is gone from the table, but the disks of the broker follow
// within the topics' retention.
func (s *Server) deleteUser(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	return s.command(w, r, c.User, inbox.Record{Kind: inbox.KindErase}, http.StatusAccepted)
}
