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
	record, _, err := s.readItemCommand(w, r, c, kind)
	if err != nil {
		return err
	}
	return s.answerCommand(w, r, c.User, record, http.StatusOK)
}

// deleteUser answers DELETE /v1/users/{user}. It is 202 in any case: the badge
// in the answer is gone from the table, but the disks of the broker follow
// within the topics' retention.
func (s *Server) deleteUser(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	return s.answerCommand(w, r, c.User, inbox.Record{Kind: inbox.KindErase}, http.StatusAccepted)
}

// readCommand returns the command of that kind that the call's body has.
func (s *Server) readCommand(w http.ResponseWriter, r *http.Request, kind inbox.Kind) (inbox.Record, error) {
	body, err := s.readBody(w, r, command.MaxBytes)
	if err != nil {
		return inbox.Record{}, err
	}
	record, err := command.Parse(kind, body, time.Now())
	if err == nil && record.UpTo != 0 && len(record.Seqs) > 0 { // an older processor would refuse the record
		err = s.open(inbox.FeatureTime)
	}
	return record, err
}

// readItemCommand is readCommand for items, of which it returns the row as it is where
// the command names some by seq. An item that its sender has scheduled is not for its
// user to see: no seq of his reaches it.
func (s *Server) readItemCommand(w http.ResponseWriter, r *http.Request, c auth.Call, kind inbox.Kind) (record inbox.Record, row inbox.State, err error) {
	record, err = s.readCommand(w, r, kind)
	if err != nil || len(record.Seqs) == 0 {
		return record, row, err
	}
	if row, err = s.config.Rows.Row(c.User); err != nil || c.Identity.Has(auth.ScopeAdmin) {
		return record, row, err
	}
	for i, seq := range record.Seqs {
		if e, ok := row.Entry(seq); ok && e.Born && e.Hidden(time.Now().Add(early)) {
			record.Seqs[i] = 0 // that of no item
		}
	}
	return record, row, nil
}

// early is how long before its time a scheduled item may be named by its user: another
// server, whose clock is ahead, may show it already.
const early = time.Minute

// answerCommand writes a user's command and answers with the badge: with that status
// once the row shows the command applied, with 202 if that takes longer.
func (s *Server) answerCommand(w http.ResponseWriter, r *http.Request, user string, record inbox.Record, status int) error {
	row, shown, err := s.command(r.Context(), user, record)
	if err != nil {
		return err
	}
	respondCommand(w, user, &row, shown, status)
	return nil
}

// respondCommand answers with the badge of the row after a command.
func respondCommand(w http.ResponseWriter, user string, row *inbox.State, shown bool, status int) {
	badge := row.Badge(time.Now())
	if shown {
		wire.RespondBadge(w, status, user, badge)
		return
	}
	// Without an entity tag: nobody may take for the result what can even be older
	// than what the client has seen; its version tells.
	wire.Respond(w, http.StatusAccepted, wire.NewBadge(user, badge))
}

// command appends a user's command and returns the row once that shows it applied; or,
// if that takes longer, the row as it is, and false.
func (s *Server) command(ctx context.Context, user string, record inbox.Record) (row inbox.State, shown bool, err error) {
	// A command that could not be answered is not begun. A stamp shows that as a row does.
	if _, err := s.config.Rows.Stamp(user, time.Now()); err != nil {
		return row, false, err
	}
	positions, err := s.write(ctx, []inbox.Addressed{{Recipients: []string{user}, Record: record}})
	if err != nil {
		return row, false, err
	}
	row, err = s.awaitApplied(ctx, user, positions[0])
	if errors.Is(err, errBehind) {
		return row, false, nil
	}
	return row, err == nil, err
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
