package server

import (
	"net/http"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// mutes are the muted categories of a user, the one muted first at the head.
type mutes struct {
	wire.Head
	Categories []wire.Mute `json:"categories"`
}

// getMutes answers GET /v1/users/{user}/inbox/mute.
func (s *Server) getMutes(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	row, err := s.awaitAsked(r, c.User)
	if err != nil {
		return err
	}
	wire.Respond(w, http.StatusOK, mutes{wire.NewHead(c.User, &row), wire.NewMutes(&row)})
	return nil
}

// postMute answers POST /v1/users/{user}/inbox/mute: what arrives in a category from
// then on is put away, read.
func (s *Server) postMute(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	record, err := s.readCommand(w, r, inbox.KindMute)
	if err != nil {
		return err
	}
	full := func(row *inbox.State) bool { return !row.IsMuted(record.Category) && row.MutesFull() }
	row, err := s.config.Rows.Row(c.User)
	if err != nil {
		return err
	}
	if full(&row) {
		return errMutes
	}
	row, shown, err := s.command(r.Context(), c.User, record)
	if err != nil {
		return err
	}
	if shown && full(&row) {
		return errMutes // by what came in between
	}
	respondCommand(w, c.User, &row, shown, http.StatusOK)
	return nil
}

// postUnmute answers POST /v1/users/{user}/inbox/unmute.
func (s *Server) postUnmute(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	record, err := s.readCommand(w, r, inbox.KindUnmute)
	if err != nil {
		return err
	}
	return s.answerCommand(w, r, c.User, record, http.StatusOK)
}
