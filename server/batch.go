package server

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// maxBatch is how many badges one call may ask for.
const maxBatch = 100

// getUnreads answers GET /v1/unread?user=a&user=b: the badges in the order
// asked for.
func (s *Server) getUnreads(w http.ResponseWriter, r *http.Request, _ auth.Call) error {
	s.hintPoll(w)
	query, err := wire.ParseQuery(r)
	if err != nil {
		return err
	}
	users := query["user"]
	if len(users) == 0 || len(users) > maxBatch {
		return wire.Invalid("user", "must be given 1 to %d times, is %d times", maxBatch, len(users))
	}
	for i, user := range users {
		var fe *belfry.FieldError
		if errors.As(belfry.CheckRecipient(user), &fe) {
			return wire.Invalid(fmt.Sprintf("user[%d]", i), "%s", fe.Problem)
		}
	}
	body := struct {
		Users []wire.Badge `json:"users"`
	}{make([]wire.Badge, 0, len(users))}
	now := time.Now()
	for _, user := range users {
		badge, err := s.badges.Badge(user, now)
		if err != nil {
			return err
		}
		body.Users = append(body.Users, wire.NewBadge(user, &badge))
	}
	wire.Respond(w, http.StatusOK, body)
	return nil
}
