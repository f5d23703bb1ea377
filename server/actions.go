package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/command"
	"github.com/belfry/belfry/server/wire"
)

// postAction answers POST /v1/users/{user}/inbox/{action}: it writes the command
// and answers with the badge once that shows it.
func (s *Server) postAction(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	kind, ok := inbox.ParseAction(mux.Vars(r)["action"])
	if !ok {
		return wire.ErrNotFound
	}
	body, err := wire.ReadBody(w, r, command.MaxBytes, s.config.Limits.Request)
	if err != nil {
		return err
	}
	record, err := command.Parse(kind, body, time.Now())
	if err != nil {
		return err
	}
	return s.command(w, r, c.User, record, http.StatusOK)
}

// command appends a user's record and answers with the badge: with that status
// once the row shows the record applied, with 202 if that takes longer.
func (s *Server) command(w http.ResponseWriter, r *http.Request, user string, record inbox.Record, status int) error {
	// A command that could not be answered is not begun. A stamp shows that as a row does.
	if _, err := s.config.Rows.Stamp(user, time.Now()); err != nil {
		return err
	}
	positions, err := s.write(r.Context(), []inbox.Addressed{{Recipients: []string{user}, Record: record}})
	if err != nil {
		return err
	}
	row, err := s.awaitRow(r.Context(), user, applied(positions[0]))
	now := time.Now()
	switch {
	case errors.Is(err, errBehind):
		// Without an entity tag: nobody may take for the result what can even
		// be older than what the client has seen; its version tells.
		wire.Respond(w, http.StatusAccepted, wire.NewBadge(user, row.Badge(now)))
	case err != nil:
		return err
	default:
		wire.RespondBadge(w, status, user, row.Badge(now))
	}
	return nil
}

// write appends records to their journals. Any failure that keeps the journal from
// taking what was checked before is errUnavailable.
func (s *Server) write(ctx context.Context, records []inbox.Addressed) ([]inbox.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Limits.Append)
	defer cancel()
	positions, err := s.config.Journal.Append(ctx, records...)
	if err != nil && !errors.Is(err, belfry.ErrInvalid) {
		err = fmt.Errorf("%w: append to the journal: %w", errUnavailable, err)
	}
	recipients := 0
	for i := range records {
		recipients += len(records[i].Recipients)
	}
	if err == nil && len(positions) != recipients {
		err = fmt.Errorf("append to the journal: %d positions for %d recipients", len(positions), recipients)
	}
	return positions, err
}
