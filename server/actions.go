package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

const (
	// maxSeqs is how many items one action may name.
	maxSeqs = 1000
	// maxActionBytes is ample for them.
	maxActionBytes = 64 << 10
)

// postAction answers POST /v1/users/{user}/inbox/{action}: it writes the command
// and answers with the badge once that shows it.
func (s *Server) postAction(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	kind, ok := inbox.ParseAction(mux.Vars(r)["action"])
	if !ok {
		return wire.ErrNotFound
	}
	body, err := wire.ReadBody(w, r, maxActionBytes, s.config.Limits.Request)
	if err != nil {
		return err
	}
	record, err := parseAction(kind, body)
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

// parseAction reads the body of an action: either seqs, or up_to where the kind
// takes a horizon. A category narrows up_to and is never read as "all": an empty
// one is refused, and a deletion by up_to needs one, since it cannot be undone.
func parseAction(kind inbox.Kind, data []byte) (inbox.Record, error) {
	want := `{"seqs":[…]}`
	switch {
	case kind == inbox.KindDelete:
		want += ` or {"up_to":VERSION,"category":"…"}`
	case kind.TakesHorizon():
		want += ` or {"up_to":VERSION}`
	}
	var body map[string]json.RawMessage
	if err := wire.ParseJSON(data, &body, want); err != nil {
		return inbox.Record{}, err
	}
	record := inbox.Record{Kind: kind}
	seqs, hasSeqs := given(body, "seqs")
	upTo, hasUpTo := given(body, "up_to")
	category, hasCategory := given(body, "category")
	var err error
	switch {
	case hasSeqs && hasUpTo:
		return record, belfry.Invalid("up_to", "give either seqs or up_to, not both")
	case hasUpTo && !kind.TakesHorizon():
		return record, belfry.Invalid("up_to", "%s takes seqs only", kind)
	case hasUpTo && !hasCategory && body["category"] != nil:
		return record, belfry.Invalid("category", "is null: leave it out for items of any category")
	case hasUpTo && !hasCategory && kind == inbox.KindDelete:
		return record, belfry.Invalid("category", "is required: delete takes seqs, or up_to with the category whose items are to go")
	case hasUpTo:
		if record.UpTo, err = parseSeq("up_to", upTo); err == nil && hasCategory {
			record.Category, err = parseCategory(category)
		}
	case hasSeqs && hasCategory:
		return record, belfry.Invalid("category", "goes with up_to, not with seqs")
	case hasSeqs:
		record.Seqs, err = parseSeqs(seqs)
	default:
		return record, belfry.Invalid("seqs", "is required: the body must be %s", want)
	}
	return record, err
}

// given returns a field of a body, and false for one that is missing or null.
func given(body map[string]json.RawMessage, name string) (json.RawMessage, bool) {
	raw, ok := body[name]
	return raw, ok && string(raw) != "null"
}

func parseSeqs(raw json.RawMessage) ([]uint64, error) {
	var raws []json.RawMessage
	if json.Unmarshal(raw, &raws) != nil || len(raws) == 0 {
		return nil, belfry.Invalid("seqs", "must be a list of 1 to %d seqs", maxSeqs)
	}
	if len(raws) > maxSeqs {
		return nil, belfry.Invalid("seqs", "must be at most %d, are %d", maxSeqs, len(raws))
	}
	seqs := make([]uint64, len(raws))
	for i, raw := range raws {
		var err error
		if seqs[i], err = parseSeq(fmt.Sprintf("seqs[%d]", i), raw); err != nil {
			return nil, err
		}
	}
	return seqs, nil
}

func parseSeq(field string, raw json.RawMessage) (uint64, error) {
	seq, ok := wire.ParseWhole(string(raw))
	if !ok {
		return 0, belfry.Invalid(field, "must be a whole number that is not negative, not %.40q", raw)
	}
	return seq, nil
}

func parseCategory(raw json.RawMessage) (string, error) {
	var category string
	if json.Unmarshal(raw, &category) != nil {
		return "", belfry.Invalid("category", "must be a text in quotes, not %.40q", raw)
	}
	return category, checkCategory(category)
}
